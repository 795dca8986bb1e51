package org.learnflow.db.cli;

import java.util.Optional;
import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.schema.BeforeMigrations;
import org.learnflow.db.schema.MigrateStep;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Option;

/** How migrations are applied. */
final class MigrateOptions {
  @Option(
      names = "--target",
      paramLabel = "V",
      description = "Apply migrations only up to version V.")
  private @Nullable String target;

  @Option(
      names = "--lock-retries",
      paramLabel = "N",
      description = "How often to retry a migration that does not get a lock (default: 3).")
  private int lockRetries = MigrateStep.DEFAULT_LOCK_RETRIES;

  /** Refuses an invalid version or number of retries before any work is done. */
  void check() {
    requireRetries(lockRetries);
    if (target != null && !target.matches("\\d+([._]\\d+)*")) {
      throw Failure.of(
              ExitCode.USAGE, "--target is not a valid version" + GivenOptions.shown(target))
          .state("nothing was changed")
          .next("use a value such as 7 or 007");
    }
  }

  /** Refuses a number below 0 for --lock-retries. */
  static void requireRetries(int lockRetries) {
    if (lockRetries < 0) {
      throw Failure.of(ExitCode.USAGE, "--lock-retries is below 0")
          .state("nothing was changed")
          .next("use a value such as 3, or 0 for none");
    }
  }

  Optional<MigrationVersion> target() {
    check();
    return Optional.ofNullable(target).map(MigrationVersion::fromVersion);
  }

  MigrateStep step(MigrationFiles files, ConsoleProgress progress) {
    return new MigrateStep(files, target(), lockRetries, BeforeMigrations.NOTHING, progress);
  }
}
