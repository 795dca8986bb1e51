package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import lib.Programs.Result;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is refused before anything is rendered, and how clearly. */
class SchemaTest {
  private static final JsonNode SCHEMA =
      Repository.json(Repository.read(Repository.CHART.resolve("values.schema.json")));

  /** Their values are for others to say. */
  private static final Set<String> FREE =
      Set.of(
          "/postgresql",
          "/global",
          "/migrator/podSecurityContext",
          "/migrator/containerSecurityContext",
          "/migrator/affinity");

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          migratr.image.tag=1                           | additional properties 'migratr' not allowed
          migrator.imag.tag=1                           | at '/migrator': additional properties 'imag' not allowed
          publish.namespace=a                           | at '/publish': additional properties 'namespace' not allowed
          seeds.mode=overwrite                          | at '/seeds/mode': value must be one of 'skip', 'update'
          seeds.sets={samples}                          | at '/seeds/sets/0'
          seeds.sets=sample                             | at '/seeds/sets': got string, want array
          publish.enabled=yes                           | at '/publish/enabled': got string, want boolean
          migrator.backoffLimit=-1                      | at '/migrator/backoffLimit': minimum: got -1, want 0
          migrator.deadlineSeconds=1m                   | at '/migrator/deadlineSeconds': got string, want integer
          migrator.timeout=soon                         | at '/migrator/timeout': 'soon' does not match pattern
          migrator.image.digest=sha256:12               | at '/migrator/image/digest': 'sha256:12' does not match pattern
          migrator.image.pullPolicy=Sometimes           | at '/migrator/image/pullPolicy': value must be one of
          migrator.resources.limits.memory=lots         | at '/migrator/resources/limits/memory': 'lots' does not match pattern
          migrator.resources.limits.cpu=-1              | at '/migrator/resources/limits/cpu': minimum: got -1, want 0
          migrator.resources.limits.disk=1Gi            | at '/migrator/resources/limits': additional properties 'disk' not allowed
          postgresql.primary.persistence.size=-5Gi      | at '/postgresql/primary/persistence/size': '-5Gi' does not match pattern
          postgresql.primary.persistence.size=5Gib      | at '/postgresql/primary/persistence/size': '5Gib' does not match pattern
          postgresql.primary.resources.limits.memory=2x | at '/postgresql/primary/resources/limits/memory': '2x' does not match pattern
          postgresql.fullnameOverride=                  | at '/postgresql/fullnameOverride'
          postgresql.fullnameOverride=My_Db             | at '/postgresql/fullnameOverride': 'My_Db' does not match pattern
          externalDatabase.port=70000                   | at '/externalDatabase/port': maximum: got 70,000, want 65,535
          externalDatabase.sslmode=on                   | at '/externalDatabase/sslmode': value must be one of 'disable'
          roles.app=Learn Flow                          | at '/roles/app': 'Learn Flow' does not match pattern
          postgresql.primary.persistance.size=5Gi       | postgresql.primary.persistance is not a value of the chart postgresql
          postgresql.primary.persistance.size=5Gi       | did you mean postgresql.primary.persistence?
          postgresql.fullnameOveride=db                 | did you mean postgresql.fullnameOverride?
          postgresql.persistence.size=5Gi               | did you mean postgresql.primary.persistence?
          postgresql.primary.persistence.storageclass=x | did you mean postgresql.primary.persistence.storageClass?
          postgresql.image.tga=17                       | did you mean postgresql.image.tag?
          postgresql.auth.enablepostgresuser=true       | did you mean postgresql.auth.enablePostgresUser?
          clusterDomain=https://x                       | at '/clusterDomain': 'https://x' does not match pattern
          """)
  void aWrongValueIsRefusedWithItsPlaceAndTheReason(String value, String text) {
    for (String helm : List.of("helm", "helm3")) {
      Result result =
          Repository.tool(
              helm,
              "template",
              "r",
              Repository.CHART.toString(),
              "--kube-version",
              "1.36",
              "--set",
              value == null ? "" : value);
      assertThat(result.exit()).as(helm).isNotZero();
      assertThat(result.errors()).as(helm).contains(text);
    }
  }

  /** What Kubernetes lets everybody fill as they like. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "primary.nodeSelector.disk=ssd",
        "primary.podLabels.team=a",
        "primary.podAnnotations.a\\.b/c=d",
        "primary.service.annotations.a=b",
        "primary.persistence.annotations.a=b"
      })
  void whatIsFreeInPostgresqlsChartStaysFree(String value) {
    for (String helm : List.of("helm", "helm3")) {
      Repository.tool(
              helm,
              "template",
              "r",
              Repository.CHART.toString(),
              "--kube-version",
              "1.36",
              "--set-string",
              "postgresql." + value)
          .successful();
    }
  }

  @Test
  void anEmptyReleaseNameIsRefused() {
    assertThat(Repository.tool("helm", "template", "", Repository.CHART.toString()).exit())
        .isNotZero();
  }

  @Test
  void everyObjectOfOurOwnIsStrict() {
    List<String> loose = new ArrayList<>();
    loose("", SCHEMA, loose);
    assertThat(loose).isEmpty();
  }

  private static void loose(String path, JsonNode schema, List<String> found) {
    if (FREE.contains(path)) {
      return;
    }
    if (schema.path("type").asText().equals("object")) {
      JsonNode additional = schema.path("additionalProperties");
      if (additional.isMissingNode() || additional.asBoolean(false)) {
        found.add(path);
      }
    }
    schema
        .path("properties")
        .properties()
        .forEach(entry -> loose(path + "/" + entry.getKey(), entry.getValue(), found));
  }

  @Test
  void everyValueOfOurOwnIsDescribed() {
    List<String> silent = new ArrayList<>();
    silent("", SCHEMA, silent);
    assertThat(silent).isEmpty();
  }

  private static void silent(String path, JsonNode schema, List<String> found) {
    JsonNode properties = schema.path("properties");
    boolean leaf = properties.isEmpty();
    if (leaf && schema.path("description").isMissingNode()) {
      found.add(path);
    }
    if (schema.path("description").isMissingNode()) {
      properties
          .properties()
          .forEach(entry -> silent(path + "/" + entry.getKey(), entry.getValue(), found));
    }
  }
}
