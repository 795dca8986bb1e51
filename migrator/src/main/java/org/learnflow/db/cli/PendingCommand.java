package org.learnflow.db.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.pipeline.PendingMigrations;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Tells the dump container, which has another image, whether a dump is needed. Runs before it in
 * the same pod.
 */
@Command(
    name = "pending",
    hidden = true,
    description =
        "For the chart's dump before a migration: creates the roles and writes the names of pending"
            + " migrations to DIR/pending, which stays empty if nothing is applied yet. If this"
            + " fails, writes the reason to DIR/failure and exits with 0: the container that reads"
            + " it exits with an error, because Helm prints the log of that container and not of"
            + " this one.")
final class PendingCommand extends BaseCommand {
  /** Part of the kubelet's reasons for a container whose image it cannot pull. */
  private static final String IMAGE_PULL = "ImagePull";

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  @Option(
      names = "--pending-dir",
      paramLabel = "DIR",
      description = "An empty folder (default: /pending).")
  private Path folder = Path.of("/pending");

  @Override
  ExitCode execute(ConsoleProgress progress) {
    List<String> pending;
    try {
      pending = pending(progress);
    } catch (Failure failure) {
      if (failure.text().contains(IMAGE_PULL)) {
        throw failure; // The container that would report it has that image.
      }
      write("failure", failure.text());
      write("code", String.valueOf(failure.code().value()));
      print("unknown: " + failure.what(), Map.of("failure", failure.what()));
      return ExitCode.OK;
    }
    write("pending", String.join("\n", pending));
    print(
        pending.isEmpty() ? "nothing to dump for" : String.join("\n", pending),
        Map.of("pending", pending));
    return ExitCode.OK;
  }

  private List<String> pending(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    DatabaseAccess access = database.access(cluster(), false, progress);
    return new PendingMigrations(access, migrations, progress).read();
  }

  private void write(String name, String text) {
    Path file = folder.resolve(name);
    try {
      Files.writeString(file, text.isEmpty() ? "" : text + "\n");
    } catch (IOException e) {
      throw Failure.of(ExitCode.USAGE, "cannot write: " + Reason.of(e))
          .where(file.toString())
          .state("nothing was changed");
    }
  }
}
