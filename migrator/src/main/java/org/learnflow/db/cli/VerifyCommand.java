package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.verify.RecordedRun;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Checks the database. */
@Command(
    name = "verify",
    description =
        "Checks the database stage by stage; the last line is healthy, unhealthy: REASON, not"
            + " deployed or, if the command line is invalid, not checked: REASON. Exit code 0, 1 or"
            + " 2. A stage that starts with ! is a warning and does not make the database"
            + " unhealthy. Takes no longer than --timeout.")
final class VerifyCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();
  @Mixin private VerifyOptions verifying = new VerifyOptions();

  @Option(
      names = "--record",
      description =
          "Records in the database what was found, for metrics: docs/how-to/monitoring.md.")
  private boolean record;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    Verification verification = verification(migrations, progress);
    print(
        Stream.concat(
                verification.stages().stream().map(StageResult::line),
                Stream.of(verification.summary()))
            .collect(Collectors.joining("\n")),
        document(verification));
    conclude(verification.summary());
    return verification.healthy() ? ExitCode.OK : ExitCode.FAILED;
  }

  private Verification verification(MigrationFiles migrations, ConsoleProgress progress) {
    try {
      return new Checks(database, cluster(), this::pasteable)
          .verification(
              migrations,
              release -> seeds.sets(files, release),
              verifying,
              Optional.of(new RecordedRun("verify", migrations)).filter(_ -> record),
              progress);
    } catch (Failure failure) {
      if (!output().isJson()) {
        print("not checked: " + failure.what(), Map.of());
      }
      throw failure;
    }
  }

  static Map<String, Object> document(Verification verification) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put(
        "status",
        !verification.deployed()
            ? "not deployed"
            : verification.healthy() ? "healthy" : "unhealthy");
    document.put("reason", verification.reason().orElse(""));
    document.put("stages", verification.stages());
    return document;
  }
}
