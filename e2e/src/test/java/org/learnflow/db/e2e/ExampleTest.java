package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The examples' Deployment, as people copy it. */
@ExtendWith(Workspaces.class)
class ExampleTest {
  private static final int READY_SECONDS = 60;

  @Test
  @DisplayName(
      "the example's Deployment, in a namespace that gets the connection: learners register, practise and see statistics over HTTP")
  void progressService(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String consumers = workspace.restricted();
    release.upgradeInstall("--set", "publish.namespaces={" + consumers + "}").successful();
    workspace.client().resource(Service.sources(consumers)).create();
    workspace.client().resource(Service.example()).inNamespace(consumers).create();
    workspace
        .client()
        .apps()
        .deployments()
        .inNamespace(consumers)
        .withName("progress")
        .waitUntilReady(READY_SECONDS, TimeUnit.SECONDS);
    Pod pod =
        workspace
            .client()
            .pods()
            .inNamespace(consumers)
            .withLabel("app", "progress")
            .list()
            .getItems()
            .getFirst();

    Http http = new Http(workspace.client(), pod);
    String id = http.post("users", Map.of("username", "ada", "email", "ada@example.org"));
    for (int seconds : new int[] {300, 60}) {
      http.post(
          "progress",
          Map.of(
              "user_id",
              Long.valueOf(id),
              "topic",
              "Loops",
              "mastery_score",
              40,
              "seconds",
              seconds));
    }
    assertThat(http.send("GET", "statistics/" + id, null))
        .isEqualTo(
            """
            {"username": "ada", "topics": 1, "mastery": 40, "seconds": 360}\
            """);
    assertFails(404, () -> http.send("GET", "statistics/0", null));
    assertFails(
        409, () -> http.post("users", Map.of("username", "ada", "email", "other@example.org")));
    assertFails(400, () -> http.post("users", Map.of("username", "ada")));
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
