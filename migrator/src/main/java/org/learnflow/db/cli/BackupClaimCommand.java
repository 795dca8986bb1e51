package org.learnflow.db.cli;

import java.util.Map;
import org.learnflow.db.ExitCode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Makes the claim for dumps where the release's credentials are not its own. */
@Command(
    name = "backup-claim",
    hidden = true,
    description =
        "For the chart: makes the claim of the volume for dumps if it is absent, where credentials"
            + " ensure has nothing to do.")
final class BackupClaimCommand extends BaseCommand {
  @Mixin private BackupClaimOptions backups = new BackupClaimOptions();

  @Override
  ExitCode execute(ConsoleProgress progress) {
    String text = backups.ensure(cluster(), progress);
    print(text, Map.of("claim", text));
    return ExitCode.OK;
  }
}
