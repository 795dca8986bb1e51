package org.learnflow.db.cli;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.Service;
import org.learnflow.db.credentials.CredentialsRole;
import org.learnflow.db.credentials.Rotation;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.Workloads.Workload;
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

  /**
   * What rotate did.
   *
   * @param secret its name
   * @param namespace where it is
   * @param roles whose passwords were replaced
   * @param finished whether this finished an interrupted rotation
   * @param published where, and whether it was written; empty if the services' password was not
   *     replaced
   * @param workloads that use the published Secrets
   * @param restarted whether they were restarted
   * @param replaced roles that can still log in with the previous password of a service
   */
  record Rotated(
      String secret,
      String namespace,
      List<String> roles,
      boolean finished,
      String published,
      List<Workload> workloads,
      boolean restarted,
      List<String> replaced) {}

  /**
   * What revoke did.
   *
   * @param revoked roles that can no longer log in
   */
  record Revoked(List<String> revoked) {}

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
      print("can no longer log in: " + String.join(", ", revoked), new Revoked(revoked));
      return ExitCode.OK;
    }
    Rotation.Result done =
        rotation.run(
            keys(release), restart ? Optional.of(database.timeoutOr(ROLLOUT)) : Optional.empty());
    print(
        done.text()
            + (done.restarted()
                ? "\nrestarted: " + Workload.titles(done.workloads())
                : advice(done.workloads(), !done.replaced().isEmpty()))
            + (done.replaced().isEmpty()
                ? ""
                : "\nonce nothing uses it any more, revoke the login of %s: %s --service %s --revoke"
                    .formatted(
                        String.join(", ", done.replaced()),
                        CredentialsSecret.rotation(release.name(), release.namespace()),
                        String.join(",", services))),
        new Rotated(
            release.credentialsSecret().name(),
            release.namespace(),
            done.roles(),
            done.finished(),
            done.published(),
            done.workloads(),
            done.restarted(),
            done.replaced()));
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

  /** What to type next, a line for each workload. */
  private static String advice(List<Workload> workloads, boolean goesOn) {
    if (workloads.isEmpty()) {
      return "";
    }
    return (goesOn
            ? "\nthe previous password still works; these workloads have to get the new one:"
            : "\nopen sessions stay open; to open new ones, these workloads need the new password:")
        + workloads.stream()
            .map(workload -> "\n  " + advice(workload))
            .collect(Collectors.joining());
  }

  private static String advice(Workload workload) {
    if (workload.restart().isEmpty()) {
      return workload.title() + ": nothing to do, its next run uses it";
    }
    return workload.restart()
        + (workload.reads().equals("files")
            ? "   # reads files, updated within about a minute: only if it does not reload them"
            : "");
  }
}
