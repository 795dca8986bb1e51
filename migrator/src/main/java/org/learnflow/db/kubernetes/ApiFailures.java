package org.learnflow.db.kubernetes;

import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.ConnectException;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;

/**
 * Failures of calls that the API server did not answer.
 *
 * @param server its address
 */
record ApiFailures(String server) {
  static final String UNCHANGED = "nothing was changed by this call";
  static final String UNKNOWN = "whether this call took effect is unknown";

  /** Also for a call without a connection: the client may have sent it before and retried. */
  Failure unanswered(String method, String reason, Exception cause) {
    Failure failure = unreached(reason, cause);
    return method.equals("GET")
        ? failure
        : failure
            .state(UNKNOWN)
            .next(
                "check whether it answers: kubectl version; then run the same command again, which continues from the current state");
  }

  Failure unreached(String reason, Exception cause) {
    return failed(ExitCode.NOT_REACHED, "the Kubernetes API could not be reached: " + reason, cause)
        .state(UNCHANGED)
        .next("check whether it answers: kubectl version");
  }

  /** A command in a pod that could not be run or followed. */
  Failure notRun(String namespace, String pod, Exception cause) {
    return failed(
            ExitCode.FAILED,
            "commands cannot be run in pod %s: %s".formatted(pod, rootCause(cause)),
            cause)
        .state(isRefused(cause) ? UNCHANGED : UNKNOWN)
        .next(
            "ask for the permission, and test it with: kubectl -n %s auth can-i create pods/exec"
                .formatted(namespace));
  }

  /** A command in a pod whose output is useless if incomplete. */
  Failure unfinished(String namespace, String pod, Exception cause) {
    return failed(
            ExitCode.FAILED,
            "the command in pod %s could not be followed to its end: %s"
                .formatted(pod, rootCause(cause)),
            cause)
        .state("its output is not used")
        .next(
            "run the same command again; where it is refused, ask for the permission, and test it with: kubectl -n %s auth can-i create pods/exec"
                .formatted(namespace));
  }

  private Failure failed(ExitCode code, String what, Exception cause) {
    return Failure.of(code, what).where("the Kubernetes API " + server).causedBy(cause);
  }

  /** Whether the API server did not even begin; source: HTTP, status codes of class 4. */
  private static boolean isRefused(Exception e) {
    return e instanceof KubernetesClientException refused && refused.getCode() / 100 == 4;
  }

  /** The first cause with a message: without a connection, the deepest one is only a host name. */
  static String rootCause(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null) {
      cause = cause.getCause();
      if (cause instanceof ConnectException) {
        return Reason.of(cause);
      }
    }
    return Reason.of(cause);
  }
}
