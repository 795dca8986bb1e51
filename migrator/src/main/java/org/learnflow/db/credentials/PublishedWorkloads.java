package org.learnflow.db.credentials;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.kubernetes.Workloads;
import org.learnflow.db.kubernetes.Workloads.Workload;

/**
 * The workloads that are affected by a rotation of the service role's password.
 *
 * @param found that use the published Secrets
 */
record PublishedWorkloads(Workloads workloads, List<Workload> found, Progress progress) {

  /**
   * Finds them. Without the permission to list them you can still rotate, but not restart.
   *
   * @param restart whether to restart them
   */
  static PublishedWorkloads find(Workloads workloads, boolean restart, Progress progress) {
    try {
      return new PublishedWorkloads(workloads, workloads.find(), progress);
    } catch (Failure failure) {
      if (restart) {
        throw failure.state("nothing was changed");
      }
      progress.line("restart", "workloads that use the password are unknown: " + failure.what());
      return new PublishedWorkloads(workloads, List.of(), progress);
    }
  }

  PublishedWorkloads none() {
    return new PublishedWorkloads(workloads, List.of(), progress);
  }

  /** Whether one of them needs a restart. */
  boolean canBeRestarted() {
    return found.stream().anyMatch(workload -> !workload.restart().isEmpty());
  }

  /**
   * Restarts them.
   *
   * @param done what the rotation did, for the message if the restart fails
   */
  void restart(Duration timeout, String done) {
    try {
      workloads.restart(found, timeout, progress);
    } catch (Failure failure) {
      throw failure
          .state("the rotation itself is complete: " + done)
          .next(
              "find out why: kubectl describe; or restart manually:"
                  + found.stream()
                      .map(Workload::restart)
                      .filter(command -> !command.isEmpty())
                      .map(command -> "\n  " + command)
                      .collect(Collectors.joining()));
    }
  }
}
