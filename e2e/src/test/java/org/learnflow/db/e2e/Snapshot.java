package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.APIResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The resourceVersions of all objects in some namespaces: it changes with every write, whoever
 * writes. Left out is what a repeated Helm command may write: hooks and their pods, Helm's records,
 * and Events.
 */
final class Snapshot {
  private final Map<String, String> versions = new TreeMap<>();

  private Snapshot() {}

  static Snapshot of(KubernetesClient client, Collection<String> namespaces) {
    Snapshot snapshot = new Snapshot();
    for (ResourceDefinitionContext kind : kinds(client)) {
      for (String namespace : namespaces) {
        client.genericKubernetesResources(kind).inNamespace(namespace).list().getItems().stream()
            .filter(object -> !mayChange(object))
            .forEach(object ->
                snapshot.versions.put(
                    "%s %s/%s".formatted(kind.getKind(), namespace, object.getMetadata().getName()),
                    object.getMetadata().getResourceVersion()));
      }
    }
    return snapshot;
  }

  /** These alone; all of them must be there. */
  Snapshot only(String... objects) {
    Snapshot some = new Snapshot();
    for (String object : objects) {
      some.versions.put(object, Objects.requireNonNull(versions.get(object), object));
    }
    return some;
  }

  /** By kind, namespace and name, such as {@code Secret postgres/learnflow-db}. */
  Map<String, String> versions() {
    return versions;
  }

  private static boolean mayChange(GenericKubernetesResource object) {
    Map<String, String> labels = object.getMetadata().getLabels();
    Map<String, String> annotations = object.getMetadata().getAnnotations();
    return object.getKind().equals("Event")
        || (annotations != null && annotations.containsKey("helm.sh/hook"))
        || (labels != null
            && (labels.containsKey("batch.kubernetes.io/job-name")
                || "helm".equals(labels.get("owner"))));
  }

  /** All kinds that can be listed in a namespace. */
  private static List<ResourceDefinitionContext> kinds(KubernetesClient client) {
    Stream<ResourceDefinitionContext> core = kinds(client, "", "v1");
    Stream<ResourceDefinitionContext> others =
        client.getApiGroups().getGroups().stream()
            .flatMap(
                group -> kinds(client, group.getName(), group.getPreferredVersion().getVersion()));
    return Stream.concat(core, others).toList();
  }

  private static Stream<ResourceDefinitionContext> kinds(
      KubernetesClient client, String group, String version) {
    String groupVersion = group.isEmpty() ? version : group + "/" + version;
    return client.getApiResources(groupVersion).getResources().stream()
        .filter(APIResource::getNamespaced)
        .filter(resource -> !resource.getName().contains("/"))
        .filter(resource -> resource.getVerbs().contains("list"))
        .map(resource ->
            new ResourceDefinitionContext.Builder()
                .withGroup(group)
                .withVersion(version)
                .withKind(resource.getKind())
                .withPlural(resource.getName())
                .withNamespaced(true)
                .build());
  }
}
