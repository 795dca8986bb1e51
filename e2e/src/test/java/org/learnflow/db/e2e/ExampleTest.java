package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The examples' Deployments, as people copy them. */
@ExtendWith(Workspaces.class)
class ExampleTest {
  private static final int READY_SECONDS = 120;

  @Test
  @DisplayName(
      "the examples' Deployments in Python, Node.js and Spring, each with a role of its own: learners register, practise and struggle over HTTP; Node's password is rotated meanwhile")
  void services(Workspace workspace) {
    Images.requireLoading();
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String consumers = workspace.restricted();
    release
        .upgradeInstall(
            "--set",
            "roles.app=none",
            "--set",
            "services.progress.namespace=%1$s,services.triage.namespace=%1$s,services.exercise.namespace=%1$s"
                .formatted(consumers),
            "--set",
            "services.exercise.poolSize=3")
        .successful();
    workspace.client().resource(Service.sources(consumers)).create();
    Http progress = start(workspace, consumers, Service.example());
    Http triage = start(workspace, consumers, Service.example("node/deployment.yaml", Images.NODE));
    Http exercise =
        start(workspace, consumers, Service.example("spring/deployment.yaml", Images.SPRING));

    String id = progress.post("users", Map.of("username", "ada", "email", "ada@example.org"));
    practise(progress, Long.parseLong(id));
    struggle(triage, Long.parseLong(id));
    solve(exercise);

    release
        .learnflowDb("credentials", "rotate", "--yes", "--service", "triage", "--restart")
        .successful();
    Http restarted = ready(workspace, consumers, "triage");
    assertThat(restarted.send("GET", "struggles?topic=Loops", null))
        .isEqualTo("[{\"error_pattern\":\"off by one\",\"times\":2}]");
    assertThat(progress.send("GET", "statistics/" + id, null)).contains("ada");
  }

  private static void practise(Http progress, long id) {
    for (int seconds : new int[] {300, 60}) {
      progress.post(
          "progress",
          Map.of("user_id", id, "topic", "Loops", "mastery_score", 40, "seconds", seconds));
    }
    assertThat(progress.send("GET", "statistics/" + id, null))
        .isEqualTo(
            """
            {"username": "ada", "topics": 1, "mastery": 40, "seconds": 360}\
            """);
    assertFails(404, () -> progress.send("GET", "statistics/0", null));
    assertFails(
        409, () -> progress.post("users", Map.of("username", "ada", "email", "other@example.org")));
    assertFails(400, () -> progress.post("users", Map.of("username", "ada")));
  }

  private static void struggle(Http triage, long id) {
    for (int times = 1; times <= 2; times++) {
      assertThat(
              triage.post(
                  "struggles",
                  Map.of("user_id", id, "topic", "Loops", "error_pattern", "off by one")))
          .isEqualTo("{\"struggle_count\":%d}".formatted(times));
    }
    assertFails(
        400,
        () ->
            triage.post("struggles", Map.of("user_id", 0, "topic", "Loops", "error_pattern", "-")));
  }

  private static void solve(Http exercise) {
    Map<String, Object> sum =
        Map.of(
            "title", "Sum in Java",
            "topic", "Loops",
            "description", "Add up the numbers of a list.",
            "difficulty", "advanced");
    assertThat(exercise.post("exercises", sum)).matches("\\d+");
    assertThat(exercise.send("GET", "exercises?difficulty=advanced", null))
        .contains("{\"title\":\"Sum in Java\",\"topic\":\"Loops\"}");
    assertFails(409, () -> exercise.post("exercises", sum));
  }

  private static Http start(Workspace workspace, String namespace, Deployment deployment) {
    workspace.client().resource(deployment).inNamespace(namespace).create();
    return ready(workspace, namespace, deployment.getMetadata().getName());
  }

  private static Http ready(Workspace workspace, String namespace, String name) {
    workspace
        .client()
        .apps()
        .deployments()
        .inNamespace(namespace)
        .withName(name)
        .waitUntilReady(READY_SECONDS, TimeUnit.SECONDS);
    Pod pod =
        workspace
            .client()
            .pods()
            .inNamespace(namespace)
            .withLabel("app", name)
            .list()
            .getItems()
            .stream()
            .filter(found -> found.getMetadata().getDeletionTimestamp() == null)
            .findFirst()
            .orElseThrow();
    return new Http(workspace.client(), pod);
  }

  private static void assertFails(int status, ThrowingCallable request) {
    assertThatThrownBy(request)
        .isInstanceOfSatisfying(
            KubernetesClientException.class,
            answer -> assertThat(answer.getCode()).isEqualTo(status));
  }

  /** The pod's HTTP, by way of the API server. */
  private record Http(KubernetesClient client, Pod pod) {
    String post(String path, Map<String, Object> body) {
      return send("POST", path, body);
    }

    String send(String method, String path, Object body) {
      return client.raw(
          "/api/v1/namespaces/%s/pods/%s:8080/proxy/%s"
              .formatted(pod.getMetadata().getNamespace(), pod.getMetadata().getName(), path),
          method,
          body);
    }
  }
}
