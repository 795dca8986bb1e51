package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Resource;

/**
 * Runs SQL as the superuser in the pod of a database whose passwords nobody knows, without a
 * restart. How, and why that is safe, says repair.sh, which is what runs in the pod.
 */
public final class PasswordRepair {
  /** Twice what the script takes where the server never lets it in. */
  public static final Duration MOST = Duration.ofSeconds(60);

  private static final String RULE = "a rule that was added to pg_hba.conf is removed within 30 s";

  private final KubernetesApi api;
  private final String namespace;
  private final String statefulSet;

  /** A repair of the database that a StatefulSet runs. */
  public PasswordRepair(KubernetesApi api, String namespace, String statefulSet) {
    this.api = api;
    this.namespace = namespace;
    this.statefulSet = statefulSet;
  }

  /**
   * Runs SQL.
   *
   * @param role the superuser
   * @param sql for psql, without passwords: verifiers only
   * @return the lines that it answers
   * @throws Failure 1 where it fails; the rules are as they were then, or it says which are not
   */
  public List<String> run(String role, String database, String sql) {
    String pod = statefulSet + "-0";
    JsonNode found =
        api.get(Kind.POD, namespace, pod)
            .orElseThrow(() ->
                Failure.of(ExitCode.NOT_REACHED, "pod " + pod + " does not exist")
                    .state("the database was not changed")
                    .next("kubectl -n %s get pods".formatted(namespace)));
    PodConnections.Executed executed = execute(pod, found, role, database, sql);
    if (executed.exitCode() != 0) {
      throw Failure.of(ExitCode.FAILED, executed.errors().strip())
          .where("pod %s in namespace %s".formatted(pod, namespace))
          .state(RULE)
          .next("fix what it reports and run the command again");
    }
    return executed.output().lines().filter(line -> !line.isBlank()).toList();
  }

  private PodConnections.Executed execute(
      String pod, JsonNode found, String role, String database, String sql) {
    try {
      return api.pods()
          .execute(
              namespace,
              pod,
              found.at("/spec/containers/0/name").asText(),
              sql + "\n-- end\n",
              MOST,
              "sh",
              "-c",
              Resource.text(PasswordRepair.class, "repair.sh"),
              "repair",
              role,
              database);
    } catch (Failure failure) {
      throw failure
          .state(failure.state().map(state -> state + "; ").orElse("") + RULE)
          .next(
              failure.next().map(next -> next + "; then ").orElse("")
                  + "run the same command again, which sets the passwords that are not accepted");
    }
  }
}
