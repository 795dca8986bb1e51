package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.APIResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The resourceVersions of all objects in some namespaces: it changes with every write, whoever
 * writes. Left out is what a repeated Helm command may write (hooks and their pods, Helm's records,
 * Events), what a CronJob runs, and the tests' own services.
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
                    version(object)));
      }
    }
    return snapshot;
  }

  /**
   * Of a CronJob what it is: when it ran last is written into it too, and Argo CD makes the chart's
   * again in each sync.
   */
  private static String version(GenericKubernetesResource object) {
    return object.getKind().equals("CronJob")
        ? "generation " + object.getMetadata().getGeneration()
        : object.getMetadata().getResourceVersion();
  }

  /** These alone; all of them must be there. */
  Snapshot only(String... objects) {
    Snapshot some = new Snapshot();
    for (String object : objects) {
      some.versions.put(object, Objects.requireNonNull(versions.get(object), object));
    }
    return some;
  }

  /** All but these kinds. */
  Snapshot without(Collection<ResourceDefinitionContext> kinds) {
    Snapshot some = new Snapshot();
    some.versions.putAll(versions);
    for (ResourceDefinitionContext kind : kinds) {
      some.versions.keySet().removeIf(object -> object.startsWith(kind.getKind() + " "));
    }
    return some;
  }

  /** What was written, made or deleted since another snapshot; none where all is as before. */
  Set<String> changedSince(Snapshot before) {
    Set<Map.Entry<String, String>> changed = new HashSet<>(before.versions.entrySet());
    changed.addAll(versions.entrySet());
    changed.removeIf(entry ->
        entry.getValue().equals(before.versions.get(entry.getKey()))
            && entry.getValue().equals(versions.get(entry.getKey())));
    return changed.stream().map(Map.Entry::getKey).collect(Collectors.toCollection(TreeSet::new));
  }

  /** By kind, namespace and name, such as {@code Secret postgres/learnflow-db}. */
  Map<String, String> versions() {
    return versions;
  }

  private static boolean mayChange(GenericKubernetesResource object) {
    Map<String, String> labels = object.getMetadata().getLabels();
    Map<String, String> annotations = object.getMetadata().getAnnotations();
    return object.getKind().equals("Event")
        || object.getMetadata().getOwnerReferences().stream()
            .anyMatch(owner -> owner.getKind().equals("CronJob"))
        || (annotations != null && annotations.containsKey("helm.sh/hook"))
        || (labels != null
            && (labels.containsKey("batch.kubernetes.io/job-name")
                || labels.containsKey(Service.LABEL)
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
