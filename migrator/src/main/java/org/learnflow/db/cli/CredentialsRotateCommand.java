package org.learnflow.db.cli;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.Service;
import org.learnflow.db.credentials.CredentialsRole;
import org.learnflow.db.credentials.Rotation;
import org.learnflow.db.kubernetes.Release;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Replaces passwords. */
@Command(
    name = "rotate",
    description = {
      "Replaces passwords of a release in the database, in its Secret and where the connection is"
          + " published. If it is interrupted, run the same command again to finish. Open sessions"
          + " stay open; workloads that still use the old password need a restart, and are listed."
          + " Asks for confirmation first.",
      "You need the permissions to get and update the Secret, to forward a port to the pod, to list"
          + " and (--restart) patch Deployments, StatefulSets and DaemonSets, and to list CronJobs."
    })
final class CredentialsRotateCommand extends BaseCommand {
  private static final Duration ROLLOUT = Duration.ofMinutes(5);

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();

  @Option(
      names = "--role",
      paramLabel = "app|owner|admin",
      split = ",",
      description =
          "Whose password: app (default), the service role; owner, the migrator; admin, the"
              + " superuser. Can be repeated.")
  private List<CredentialsRole.Kind> roles = List.of();

  @Option(
      names = "--service",
      paramLabel = "NAME",
      split = ",",
      description =
          "A service with roles of its own: its other role gets a new password and is published;"
              + " the current one goes on until its login is revoked. Can be repeated.")
  private List<String> services = List.of();

  @Option(
      names = "--revoke",
      description =
          "Replace nothing; revoke the login of the role that --service had before its last"
              + " rotation. Refused while that role has open sessions.")
  private boolean revoke;

  @Option(
      names = "--restart",
      description =
          "Restart the workloads that use the published Secrets, as kubectl rollout restart does,"
              + " and wait for them: 5m, or --timeout.")
  private boolean restart;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    CredentialsCommand.requireRelease(
        database, cluster(), "only a release's passwords can be rotated");
    Release release = database.release(cluster()).orElseThrow();
    requireKnown(release);
    Rotation rotation =
        new Rotation(
            cluster().api(),
            release,
            files::migrations,
            () -> database.access(cluster(), false, progress),
            confirmation,
            progress);
    if (revoke) {
      List<String> revoked = rotation.revoke(services);
      print(
          "can no longer log in: " + String.join(", ", revoked),
          new RotationOutput.Revoked(revoked));
      return ExitCode.OK;
    }
    Rotation.Result done =
        rotation.run(
            keys(release), restart ? Optional.of(database.timeoutOr(ROLLOUT)) : Optional.empty());
    print(RotationOutput.text(done, release), RotationOutput.document(done, release));
    return ExitCode.OK;
  }

  /** Keys in the Secret of the passwords that are to be replaced. */
  private List<String> keys(Release release) {
    List<CredentialsRole.Kind> kinds =
        roles.isEmpty() && services.isEmpty() ? List.of(CredentialsRole.Kind.APP) : roles;
    return Stream.concat(
            kinds.stream().map(kind -> kind.key(release)),
            services.stream().map(Service::passwordKey))
        .distinct()
        .toList();
  }

  private void requireKnown(Release release) {
    List<String> known = release.services().stream().map(Service::name).toList();
    for (String service : services) {
      if (!known.contains(service)) {
        throw Failures.usage("release %s has no service %s".formatted(release.name(), service))
            .next(
                known.isEmpty()
                    ? "leave --service out: all services share one role"
                    : "name one of " + String.join(", ", known));
      }
    }
    if (revoke && services.isEmpty()) {
      throw Failures.usage("--revoke needs a service").next("name it: --service NAME");
    }
  }
}
