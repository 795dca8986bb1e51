package org.learnflow.db.cli;

import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.verify.DatabaseStatus;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Shows the state of the database on one screen. */
@Command(
    name = "status",
    description =
        "Shows server, schema version, pending migrations, seeds; for a release also its pod,"
            + " volume and published objects.")
final class StatusCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  @Option(
      names = Watch.OPTION,
      description = "Shows it again every two seconds, until you end it with Ctrl+C.")
  private boolean watch;

  @Spec
  @SuppressWarnings("NullAway.Init") // injected by picocli
  private CommandSpec spec;

  private final Environment environment;

  StatusCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  ExitCode execute(ConsoleProgress progress) {
    if (watch) {
      return new Watch(spec, environment).show();
    }
    MigrationFiles migrations = files.migrations();
    StatusReading reading = new StatusReading(database, cluster(), migrations, progress);
    Optional<Release> release = database.release(cluster());
    if (release.isPresent()) {
      StatusReading.OfRelease found = reading.read(release.get());
      print(StatusText.of(found.status(), release.get()), found.status());
      return found.code();
    }
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      DatabaseStatus status = reading.read(session, access);
      print(StatusText.of(status), status);
      return ExitCode.OK;
    }
  }
}
