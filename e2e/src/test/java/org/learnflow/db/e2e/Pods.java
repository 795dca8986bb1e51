package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.ExecWatch;
import io.fabric8.kubernetes.client.dsl.PodResource;
import io.fabric8.kubernetes.client.dsl.TtyExecOutputErrorable;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** Pods that run to their end. */
final class Pods {
  private final KubernetesClient client;

  Pods(KubernetesClient client) {
    this.client = client;
  }

  /**
   * Makes a pod and waits until it has succeeded or failed.
   *
   * @return the pod as it is then
   */
  Pod run(Pod pod, int seconds) {
    return end(client.resource(pod).create(), seconds);
  }

  /** Makes a pod and waits until its containers run. */
  Pod start(Pod pod, int seconds) {
    Pod made = client.resource(pod).create();
    return resource(made).waitUntilReady(seconds, TimeUnit.SECONDS);
  }

  /** Waits until a pod has succeeded or failed. */
  Pod end(Pod pod, int seconds) {
    return resource(pod).waitUntilCondition(Pods::hasEnded, seconds, TimeUnit.SECONDS);
  }

  private static boolean hasEnded(Pod pod) {
    return pod != null && List.of("Succeeded", "Failed").contains(phase(pod));
  }

  String log(Pod pod) {
    return resource(pod).getLog();
  }

  String log(Pod pod, String container) {
    return resource(pod).inContainer(container).getLog();
  }

  /** Waits until a pod has said something. */
  void awaitLog(Pod pod, String text) {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
    while (!log(pod).contains(text)) {
      if (System.nanoTime() > end) {
        throw new AssertionError("the pod does not say: %s%n%s".formatted(text, log(pod)));
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
    }
  }

  /** Runs a statement as the admin, in the pod of the built-in PostgreSQL. */
  String sql(String namespace, String database, String statement) {
    String script =
        """
        PGPASSWORD=$(cat /opt/bitnami/postgresql/secrets/postgres-password) \\
          exec psql -v ON_ERROR_STOP=1 -qtA -h 127.0.0.1 -U postgres -d "$0" -c "$1"
        """;
    return shell(namespace, script, database, statement);
  }

  /** Locks tables, separated by commas, against everybody, from soon on for some seconds. */
  CompletableFuture<String> lock(String namespace, String tables, int seconds) {
    return CompletableFuture.supplyAsync(() ->
        sql(
            namespace,
            "learnflow",
            "BEGIN; LOCK TABLE %s IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(%d)"
                .formatted(tables, seconds)));
  }

  /**
   * Runs a shell script in the pod of the built-in PostgreSQL.
   *
   * @param words its parameters, from $0 on
   * @return what it says
   * @throws AssertionError where it fails
   */
  String shell(String namespace, String script, String... words) {
    return shell(client.pods().inNamespace(namespace).withName("postgres-0"), script, words);
  }

  /** The same in a container of any pod. */
  String shell(Pod pod, String container, String script) {
    return shell(client.pods().resource(pod).inContainer(container), script);
  }

  private static String shell(TtyExecOutputErrorable pod, String script, String... words) {
    List<String> command = new ArrayList<>(List.of("sh", "-c", script));
    command.addAll(List.of(words));
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    try (ExecWatch shell =
        pod.writingOutput(output).writingError(output).exec(command.toArray(String[]::new))) {
      Integer code = shell.exitCode().get(60, TimeUnit.SECONDS);
      String text = output.toString(StandardCharsets.UTF_8);
      if (code != 0) {
        throw new AssertionError(command + "\n" + text);
      }
      return text;
    } catch (ExecutionException | TimeoutException e) {
      throw new AssertionError(command.toString(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Runs a shell script in a pod of its own that has a claim mounted. */
  void once(String namespace, String claim, String path, String script) {
    String manifest =
        """
        apiVersion: v1
        kind: Pod
        metadata: {generateName: once-, namespace: %s}
        spec:
          restartPolicy: Never
          automountServiceAccountToken: false
          securityContext:
            {runAsNonRoot: true, runAsUser: 1001, fsGroup: 1001, seccompProfile: {type: RuntimeDefault}}
          containers:
            - name: once
              image: learnflow.test/postgresql:17
              imagePullPolicy: IfNotPresent
              command: [sh, -c, %s]
              securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
              volumeMounts: [{name: claim, mountPath: %s}]
          volumes: [{name: claim, persistentVolumeClaim: {claimName: %s}}]
        """
            .formatted(namespace, Serialization.asJson(script), path, claim);
    Pod ended = run(Serialization.unmarshal(manifest, Pod.class), 60);
    if (!phase(ended).equals("Succeeded")) {
      throw new AssertionError(script + "\n" + log(ended));
    }
    // Also a pod that has ended keeps its claim from being deleted.
    client.resource(ended).delete();
  }

  static String phase(Pod pod) {
    return pod.getStatus().getPhase();
  }

  /** How the only container of a pod ended. */
  static ContainerStateTerminated end(Pod pod) {
    return pod.getStatus().getContainerStatuses().getFirst().getState().getTerminated();
  }

  private PodResource resource(Pod pod) {
    return client
        .pods()
        .inNamespace(pod.getMetadata().getNamespace())
        .withName(pod.getMetadata().getName());
  }
}
