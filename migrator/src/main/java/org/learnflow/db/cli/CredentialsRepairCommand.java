package org.learnflow.db.cli;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.credentials.Repair;
import org.learnflow.db.kubernetes.Release;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Makes the database's passwords match the Secret again. */
@Command(
    name = "repair",
    description =
        "Sets the database's passwords to those of the release's Secret, from inside the pod and"
            + " without a restart: for a volume that is older than the Secret, and for a lost"
            + " Secret, whose keys are created again. Asks for confirmation first.")
final class CredentialsRepairCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();

  @Option(
      names = "--credentials-secret",
      paramLabel = "NAME",
      description = "The Secret, if the release is not installed (default: RELEASE-credentials).")
  private @Nullable String secret;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    CredentialsCommand.requireRelease(database, cluster(), "only a release can be repaired");
    Optional<Release> release = release();
    Repair.Result done =
        new Repair(
                cluster().api(),
                cluster().namespace(),
                cluster().release(),
                release,
                Optional.ofNullable(secret),
                () -> database.access(cluster(), false, progress),
                confirmation,
                progress)
            .run();
    if (release.isEmpty()) {
      progress.line(
          "next",
          "install the release; one of its Jobs fails with exit code 5, because the volume has"
              + " other passwords; then run this command again");
      print(
          "release %s is not installed; Secret %s: %s"
              .formatted(
                  cluster().release(),
                  done.secret(),
                  done.made().isEmpty() ? "complete" : "created " + String.join(", ", done.made())),
          done);
      return ExitCode.OK;
    }
    String text = "the database's passwords match Secret " + done.secret();
    if (!done.nothingDone()) {
      progress.line(
          "next",
          "publish them: learnflow-db run --release %s --namespace %s"
              .formatted(cluster().release(), cluster().namespace()));
    }
    print(done.nothingDone() ? "nothing to do: " + text : text, done);
    return ExitCode.OK;
  }

  private Optional<Release> release() {
    try {
      return database.release(cluster());
    } catch (Failure failure) {
      if (failure.code() == ExitCode.NOT_DEPLOYED) {
        return Optional.empty();
      }
      throw failure;
    }
  }
}
