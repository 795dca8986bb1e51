package org.learnflow.db.schema;

import java.util.Optional;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.Session;
import org.learnflow.db.roles.RoleManager;

/**
 * Applies migrations, and reports what it did.
 *
 * @param target up to which version; all if it is empty
 * @param lockRetries how often a migration that could not get a lock is tried again
 * @param before what has to succeed before anything is applied to a database that has migrations
 */
public record MigrateStep(
    MigrationFiles files,
    Optional<MigrationVersion> target,
    int lockRetries,
    BeforeMigrations before,
    Progress progress) {
  /** How often a migration that could not get a lock is tried again by default. */
  public static final int DEFAULT_LOCK_RETRIES = 3;

  /** All migrations. */
  public static MigrateStep all(MigrationFiles files, Progress progress) {
    return new MigrateStep(
        files, Optional.empty(), DEFAULT_LOCK_RETRIES, BeforeMigrations.NOTHING, progress);
  }

  /** The same with other files. */
  public MigrateStep with(MigrationFiles others) {
    return new MigrateStep(others, target, lockRetries, before, progress);
  }

  /** The same, if something succeeds before it. */
  public MigrateStep after(BeforeMigrations first) {
    return new MigrateStep(files, target, lockRetries, first, progress);
  }

  /** Applies what is pending, in the database of the owner's session. */
  public MigrationReport run(Session owner, RoleManager roles) {
    return run(owner, roles, Optional.empty());
  }

  /**
   * Applies what is pending.
   *
   * @param confinement for a database that has not taken its place yet
   */
  public MigrationReport run(Session owner, RoleManager roles, Optional<Confinement> confinement) {
    Migrator migrator =
        new Migrator(owner.source(), files, lockRetries, progress, Optional.of(roles), confinement);
    MigrationReport report =
        owner.run("migrate", connection -> migrator.migrate(connection, target, before));
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
                  "they stay applied; to preview what is lost, and undo them: learnflow-db rollback --to "
                      + version));
    }
    return report;
  }
}
