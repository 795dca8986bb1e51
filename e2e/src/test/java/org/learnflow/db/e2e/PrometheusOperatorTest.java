package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Isolated;

/** The objects for the Prometheus Operator, in a cluster that gets and loses its CRDs. */
@ExtendWith(Workspaces.class)
@Isolated
@Tag("operations")
class PrometheusOperatorTest {
  private static final ResourceDefinitionContext MONITOR =
      Controllers.kind("monitoring.coreos.com", "v1", "ServiceMonitor");
  private static final ResourceDefinitionContext RULE =
      Controllers.kind("monitoring.coreos.com", "v1", "PrometheusRule");
  private static final String[] WITH = {
    "--set",
    "metrics.enabled=true,metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true"
  };
  private static final String[] WITHOUT = {"--set", "metrics.enabled=true"};
  private static final String LACKING =
      "this cluster does not have the CRDs of the Prometheus Operator (monitoring.coreos.com/v1) for"
          + " metrics.prometheusRule.enabled and metrics.serviceMonitor.enabled: install the operator";

  @Test
  @DisplayName(
      "without the CRDs Helm 4 and 3 make nothing, and one sentence says what to type; with them the same installs; an upgrade removes the objects, after the CRDs were lost too")
  void customResources(Workspace workspace) {
    assumeThat(crds(workspace).values())
        .as("a cluster without the Prometheus Operator")
        .containsOnlyNulls();
    for (String helm : List.of("helm", "helm3")) {
      Release none = new Release(workspace, helm, workspace.restricted(), "values-dev.yaml");
      String said = none.upgradeInstall(WITH).failed().output();
      assertThat(said)
          .containsOnlyOnce("monitoring.coreos.com")
          .contains(LACKING, "metrics.prometheusRule.enabled=false,metrics.serviceMonitor.");
      assertThat(Snapshot.of(workspace.client(), List.of(none.namespace())).versions())
          .containsOnlyKeys(
              "ConfigMap " + none.namespace() + "/kube-root-ca.crt",
              "ServiceAccount " + none.namespace() + "/default");
      assertThat(none.kept().failed().output()).contains("not found");
    }

    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    workspace.atEnd(() -> removeCrds(workspace));
    makeCrds(workspace);
    release.upgradeInstall(WITH).successful();
    assertThat(objects(workspace, release)).doesNotContainValue(null);
    removeCrds(workspace);
    assertThat(release.upgradeInstall(WITH).failed().output())
        .contains(LACKING, "Helm needs the CRDs to remove them too");
    // That it is so.
    assertThat(release.upgradeInstall(WITHOUT).failed().output()).contains("no matches for kind");
    makeCrds(workspace);
    release.upgradeInstall(WITH).successful();
    assertThat(objects(workspace, release)).doesNotContainValue(null);
    release.upgradeInstall(WITHOUT).successful();
    assertThat(objects(workspace, release).values()).containsOnlyNulls();
  }

  private static Map<String, HasMetadata> objects(Workspace workspace, Release release) {
    Map<String, HasMetadata> objects = new TreeMap<>();
    Map.of(MONITOR, Release.NAME + "-metrics", RULE, Release.NAME)
        .forEach((kind, name) ->
            objects.put(
                kind.getKind(),
                workspace
                    .client()
                    .genericKubernetesResources(kind)
                    .inNamespace(release.namespace())
                    .withName(name)
                    .get()));
    return objects;
  }

  /** By name; null where it is not there. */
  private static Map<String, CustomResourceDefinition> crds(Workspace workspace) {
    Map<String, CustomResourceDefinition> crds = new TreeMap<>();
    for (CustomResourceDefinition crd : manifest()) {
      crds.put(crd.getMetadata().getName(), workspace.client().resource(crd).get());
    }
    return crds;
  }

  private static void makeCrds(Workspace workspace) {
    for (CustomResourceDefinition crd : manifest()) {
      workspace.client().resource(crd).create();
    }
    for (ResourceDefinitionContext kind : List.of(MONITOR, RULE)) {
      Eventually.within(
          Duration.ofSeconds(30),
          kind.getKind() + " is served",
          () -> workspace.client().supports("monitoring.coreos.com/v1", kind.getKind()));
    }
  }

  private static void removeCrds(Workspace workspace) {
    for (CustomResourceDefinition crd : manifest()) {
      workspace.client().resource(crd).delete();
      workspace
          .client()
          .resource(crd)
          .waitUntilCondition(found -> found == null, 30, TimeUnit.SECONDS);
    }
  }

  private static List<CustomResourceDefinition> manifest() {
    return List.of(Repository.resource("prometheus-operator.yaml").split("(?m)^---$")).stream()
        .map(crd -> Serialization.unmarshal(crd, CustomResourceDefinition.class))
        .toList();
  }
}
