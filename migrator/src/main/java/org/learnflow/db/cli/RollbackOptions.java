package org.learnflow.db.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.rollback.HelmGuard;
import org.learnflow.db.schema.MigrateStep;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Option;

/** What is undone, and how. */
final class RollbackOptions {
  private static final String DEFAULT_MAX_AGE = "24h";

  @Option(
      names = "--to",
      paramLabel = "V",
      description = "The newest version to keep; none (or 0) undoes all.")
  private @Nullable String to;

  @Option(
      names = "--dry-run",
      description =
          "Show what would be undone and lost and change nothing; the tables are locked for a"
              + " moment.")
  private boolean dryRun;

  @Option(
      names = "--backup",
      paramLabel = "FILE",
      description = "Make this backup first, as the command backup does.")
  private @Nullable Path backup;

  @Option(names = "--no-backup", description = "Make no backup first.")
  private boolean noBackup;

  @Option(
      names = "--from-files",
      description =
          "Take the undo scripts from --migrations, not from the database: for a script that was"
              + " corrected, or that is not stored.")
  private boolean fromFiles;

  @Option(
      names = "--lock-retries",
      paramLabel = "N",
      description = "How often to retry an undo script that does not get a lock (default: 3).")
  private int lockRetries = MigrateStep.DEFAULT_LOCK_RETRIES;

  @Option(
      names = "--to-helm-revision",
      paramLabel = "N",
      description =
          "For the chart's pre-rollback hook, instead of --to: in the image of revision N, undo the"
              + " migrations that this image does not have. Only while Helm rolls back --release,"
              + " and only after a recent backup; does not ask for confirmation.")
  private @Nullable Integer helmRevision;

  @Option(
      names = "--backup-max-age",
      paramLabel = "TIME",
      description = "With --to-helm-revision: the maximum age of the last backup (default: 24h).")
  private String backupMaxAge = DEFAULT_MAX_AGE;

  /** The revision that Helm rolls back to, if this is its hook. */
  OptionalInt helmRevision() {
    return helmRevision == null ? OptionalInt.empty() : OptionalInt.of(helmRevision);
  }

  Optional<Path> backup() {
    return Optional.ofNullable(backup);
  }

  boolean isWithoutBackup() {
    return noBackup;
  }

  boolean isDryRun() {
    return dryRun;
  }

  boolean isFromFiles() {
    return fromFiles;
  }

  int lockRetries() {
    return lockRetries;
  }

  /** What the hook has to check. */
  HelmGuard guard(ClusterOptions cluster) {
    return new HelmGuard(
        cluster::api, cluster.namespace(), cluster.release(), maxAge(), backupMaxAge);
  }

  /** Refuses invalid options before any work is done. */
  void check() {
    if ((to == null) == (helmRevision == null)) {
      throw Failures.usage(
              to == null
                  ? "no version is specified"
                  : "--to and --to-helm-revision cannot be used" + " together")
          .next(
              "name the newest version to keep: learnflow-db rollback --to V, or --to none for all");
    }
    if (to != null && !to.equals("none") && !to.matches("\\d+([._]\\d+)*")) {
      throw Failures.usage("--to is not a valid version" + GivenOptions.shown(to))
          .next("use a value such as 7 or 007, or none");
    }
    if (backup != null && noBackup) {
      throw Failures.usage("--backup and --no-backup cannot be used together")
          .next("use only one" + " of them");
    }
    MigrateOptions.requireRetries(lockRetries);
    maxAge();
  }

  private Duration maxAge() {
    return Durations.parse("--backup-max-age", backupMaxAge);
  }

  /** The newest version to keep. */
  Optional<MigrationVersion> wanted(MigrationFiles migrations) {
    if (helmRevision != null) {
      return Optional.of(
          migrations
              .newest()
              .orElseThrow(
                  () -> Failures.usage("there are no migrations in " + migrations.directory())));
    }
    return Optional.of(Objects.requireNonNull(to))
        .filter(version -> !version.matches("none|0+"))
        .map(MigrationVersion::fromVersion);
  }
}
