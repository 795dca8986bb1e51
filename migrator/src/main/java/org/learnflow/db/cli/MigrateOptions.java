package org.learnflow.db.cli;

import java.util.Optional;
import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.Session;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.schema.Confinement;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.MigrationReport;
import org.learnflow.db.schema.Migrator;
import picocli.CommandLine.Option;

/** How migrations are applied. */
final class MigrateOptions {
  @Option(
      names = "--target",
      paramLabel = "V",
      description = "Apply migrations up to version V only.")
  private @Nullable String target;

  @Option(
      names = "--lock-retries",
      paramLabel = "N",
      description = "How often a migration is tried again that got no lock (default: 3).")
  private int lockRetries = 3;

  /** Refuses what is no version, or no number of retries, before any work is done. */
  void check() {
    requireRetries(lockRetries);
    if (target != null && !target.matches("\\d+([._]\\d+)*")) {
      throw Failure.of(ExitCode.USAGE, "--target is no version" + GivenOptions.shown(target))
          .state("nothing was changed")
          .next("give it like 7 or 007");
    }
  }

  /** Refuses a number below 0 for --lock-retries. */
  static void requireRetries(int lockRetries) {
    if (lockRetries < 0) {
      throw Failure.of(ExitCode.USAGE, "--lock-retries is below 0")
          .state("nothing was changed")
          .next("give it like 3, or 0 for none");
    }
  }

  Optional<MigrationVersion> target() {
    check();
    return Optional.ofNullable(target).map(MigrationVersion::fromVersion);
  }

  MigrationReport migrate(
      Session session, MigrationFiles files, RoleManager roles, ConsoleProgress progress) {
    return migrate(session, files, roles, Optional.empty(), progress);
  }

  /**
   * Applies migrations.
   *
   * @param confinement for a database that is not in its place yet
   */
  MigrationReport migrate(
      Session session,
      MigrationFiles files,
      RoleManager roles,
      Optional<Confinement> confinement,
      ConsoleProgress progress) {
    Migrator migrator =
        new Migrator(
            session.source(), files, lockRetries, progress, Optional.of(roles), confinement);
    Optional<MigrationVersion> wanted = target();
    MigrationReport report =
        session.run("migrate", connection -> migrator.migrate(connection, wanted));
    progress.line(
        "migrate",
        (report.applied().isEmpty()
                ? "nothing to do, at " + report.to()
                : "%d applied, now at %s".formatted(report.applied().size(), report.to()))
            + (report.newer().isEmpty()
                ? ""
                : ", which is newer than these files: " + String.join(", ", report.newer())));
    if (!report.newer().isEmpty()) {
      files
          .newest()
          .ifPresent(version ->
              progress.line(
                  "migrate",
                  "they stay; to undo them, and see first what is lost: learnflow-db rollback --to "
                      + version));
    }
    return report;
  }
}
