package org.learnflow.db.cli;

import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.credentials.CredentialsRole;
import org.learnflow.db.credentials.Rotation;
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
  private List<CredentialsRole> roles = List.of(CredentialsRole.APP);

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
   */
  record Rotated(
      String secret,
      String namespace,
      List<String> roles,
      boolean finished,
      String published,
      List<Workload> workloads,
      boolean restarted) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    CredentialsCommand.requireRelease(
        database, cluster(), "only a release's passwords can be rotated");
    Release release = database.release(cluster()).orElseThrow();
    Rotation.Result done =
        new Rotation(
                cluster().api(),
                release,
                files::migrations,
                () -> database.access(cluster(), false, progress),
                confirmation,
                progress)
            .run(
                EnumSet.copyOf(roles),
                restart ? Optional.of(database.timeoutOr(ROLLOUT)) : Optional.empty());
    print(
        done.text()
            + (done.restarted()
                ? "\nrestarted: " + Workload.titles(done.workloads())
                : advice(done.workloads())),
        new Rotated(
            release.credentialsSecret().name(),
            release.namespace(),
            done.roles(),
            done.finished(),
            done.published(),
            done.workloads(),
            done.restarted()));
    return ExitCode.OK;
  }

  /** What to type next, a line for each workload. */
  private static String advice(List<Workload> workloads) {
    if (workloads.isEmpty()) {
      return "";
    }
    return "\nopen sessions stay open; to open new ones, these workloads need the new password:"
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
