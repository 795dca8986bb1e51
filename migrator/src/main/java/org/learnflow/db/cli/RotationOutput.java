package org.learnflow.db.cli;

import java.util.List;
import java.util.stream.Collectors;
import org.learnflow.db.connect.Service;
import org.learnflow.db.credentials.Rotation;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.Workloads.Workload;

/** What {@link CredentialsRotateCommand} prints. */
final class RotationOutput {
  private RotationOutput() {}

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

  static Rotated document(Rotation.Result done, Release release) {
    return new Rotated(
        release.credentialsSecret().name(),
        release.namespace(),
        done.roles(),
        done.finished(),
        done.published(),
        done.workloads(),
        done.restarted(),
        done.replaced());
  }

  static String text(Rotation.Result done, Release release) {
    return done.text()
        + (done.restarted()
            ? "\nrestarted: " + Workload.titles(done.workloads())
            : advice(done.workloads(), !done.replaced().isEmpty()))
        + (done.replaced().isEmpty() ? "" : revocation(done.replaced(), release));
  }

  private static String revocation(List<String> replaced, Release release) {
    return "\nonce nothing uses it any more, revoke the login of %s: %s --service %s --revoke"
        .formatted(
            String.join(", ", replaced),
            CredentialsSecret.rotation(release.name(), release.namespace()),
            release.services().stream()
                .filter(service -> service.roles().stream().anyMatch(replaced::contains))
                .map(Service::name)
                .collect(Collectors.joining(",")));
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
