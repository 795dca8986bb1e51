package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Who starts PostgreSQL: the chart's script, or with values-bitnami-image.yaml the image. */
class StartTest {
  private static final String STATEFUL_SET = "StatefulSet/postgres";
  private static final Rendering PROD = new Rendering(List.of("values-prod.yaml"));
  private static final Rendering BITNAMI =
      new Rendering(List.of("values-prod.yaml", "values-bitnami-image.yaml"));

  @Test
  void theScriptAndItsFilesAreMounted() {
    JsonNode pod = PROD.object(STATEFUL_SET).at("/spec/template/spec");
    assertThat(pod.at("/containers/0/image").asText()).startsWith("docker.io/library/postgres:");
    assertThat(pod.at("/containers/0/command/2").asText())
        .isEqualTo("exec sh /start/start.sh \"$@\"");
    assertThat(pod.at("/containers/0/volumeMounts").findValuesAsText("mountPath"))
        .contains("/start", "/etc/passwd", "/var/run/postgresql");
    assertThat(pod.path("volumes").toString()).contains("{\"name\":\"learnflow-db-start\"}");
  }

  /** Kubernetes restarts the pod for it. */
  @Test
  void anotherSettingOrAccessRuleChangesThePod() {
    assertThat(command())
        .isEqualTo(command())
        .isNotEqualTo(command("--set", "postgresql.postgresqlSharedPreloadLibraries=auto_explain"))
        .isNotEqualTo(
            command("--set", "postgresql.primary.pgHbaConfiguration=local all all scram-sha-256"));
  }

  /** A release that runs on such an image goes on without a restart. */
  @Test
  void anImageThatStartsItselfGetsNothingOfTheScript() {
    JsonNode pod = BITNAMI.object(STATEFUL_SET).at("/spec/template/spec");
    assertThat(pod.at("/containers/0/image").asText())
        .isEqualTo("docker.io/bitnamilegacy/postgresql:17.6.0-debian-12-r4");
    assertThat(pod.at("/containers/0").has("command")).isFalse();
    assertThat(BITNAMI.text()).doesNotContain("/start", "learnflow-db-start");
  }

  private static String command(String... options) {
    return Repository.yaml(PROD.text("helm", options)).stream()
        .filter(object -> Rendering.name(object).equals(STATEFUL_SET))
        .map(object -> object.at("/spec/template/spec/containers/0/command").toString())
        .findFirst()
        .orElseThrow();
  }
}
