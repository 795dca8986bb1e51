package org.learnflow.db.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.offsite.AgeKeys;
import org.learnflow.db.offsite.DumpStore;
import org.learnflow.db.offsite.Store;
import org.learnflow.db.offsite.TemporaryFolder;
import picocli.CommandLine.Option;

/** Buckets: AWS's own variables say where they are and who asks. */
final class OffsiteOptions {
  /** A few seconds: somebody waits. */
  private static final int ATTEMPTS = 6;

  private final Environment environment;

  @Option(
      names = "--age-recipient",
      paramLabel = "KEY",
      split = ",",
      description =
          "With s3://...: encrypt the dump for this recipient of age (age1...), or for several,"
              + " separated by commas.")
  private List<String> recipients = List.of();

  @Option(
      names = "--age-identity-file",
      paramLabel = "FILE",
      description = "With s3://...: file with the identity of age that decrypts the dump.")
  private @Nullable Path identities;

  OffsiteOptions(Environment environment) {
    this.environment = environment;
  }

  DumpStore store(ConsoleProgress progress, String step) {
    return store(progress, step, ATTEMPTS);
  }

  DumpStore store(ConsoleProgress progress, String step, int attempts) {
    return new DumpStore(
        new Store(environment.variables(), attempts),
        new AgeKeys(recipients, Optional.ofNullable(identities)),
        progress,
        step);
  }

  TemporaryFolder temporaryFolder() {
    return TemporaryFolder.create(environment.variables());
  }
}
