package org.learnflow.db.kubernetes;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.publish.PublishTarget;
import org.learnflow.db.publish.PublishedConnection;

/**
 * Publishes by server-side apply: Secret {@code R} (a service binding), Secret {@code R-env} and
 * ConfigMap {@code R} (for envFrom) in each namespace. They belong to ConfigMap {@code R-owner}
 * where there is one. Labels and annotations that others add survive; unchanged content causes no
 * write.
 */
public final class KubernetesTarget implements PublishTarget {
  private static final String FIELD_MANAGER = "learnflow-db";

  /** No app.kubernetes.io/instance: with label tracking Argo CD would prune the objects. */
  static final Map<String, String> LABELS =
      Map.of(
          "app.kubernetes.io/name", "learnflow-db", "app.kubernetes.io/managed-by", FIELD_MANAGER);

  private final KubernetesClient client;
  private final String release;
  private final List<String> namespaces;

  /**
   * A target.
   *
   * @param release name R of the release
   * @param namespaces where to publish
   */
  public KubernetesTarget(KubernetesApi api, String release, List<String> namespaces) {
    this.client = api.client();
    this.release = release;
    this.namespaces = List.copyOf(namespaces);
  }

  @Override
  public String publish(PublishedConnection connection, String schemaVersion) {
    int written = 0;
    for (String namespace : namespaces) {
      Optional<ConfigMap> owner = owner(namespace);
      written +=
          apply(
              new SecretBuilder()
                  .withMetadata(metadata(release, namespace, owner))
                  .withType("servicebinding.io/postgresql")
                  .addToData(encoded(connection.binding()))
                  .build());
      written +=
          apply(
              new SecretBuilder()
                  .withMetadata(metadata(release + "-env", namespace, owner))
                  .withType("Opaque")
                  .addToData(encoded(connection.secretEnvironment()))
                  .build());
      written +=
          apply(
              new ConfigMapBuilder()
                  .withMetadata(metadata(release, namespace, owner))
                  .addToData(connection.openEnvironment(schemaVersion))
                  .build());
    }
    return "Secrets %1$s and %1$s-env and ConfigMap %1$s in %2$s: %3$s"
        .formatted(
            release,
            String.join(", ", namespaces),
            written == 0 ? "unchanged" : written + " written");
  }

  private Optional<ConfigMap> owner(String namespace) {
    String name = release + "-owner";
    try {
      return Optional.ofNullable(client.configMaps().inNamespace(namespace).withName(name).get());
    } catch (KubernetesClientException e) {
      throw failure("ConfigMap " + name, namespace, e);
    }
  }

  private static ObjectMeta metadata(String name, String namespace, Optional<ConfigMap> owner) {
    ObjectMetaBuilder metadata =
        new ObjectMetaBuilder().withName(name).withNamespace(namespace).withLabels(LABELS);
    owner.ifPresent(map ->
        metadata
            .addNewOwnerReference()
            .withApiVersion("v1")
            .withKind("ConfigMap")
            .withName(map.getMetadata().getName())
            .withUid(map.getMetadata().getUid())
            .endOwnerReference());
    return metadata.build();
  }

  /** Not stringData, which server-side apply does not compare. */
  private static Map<String, String> encoded(Map<String, String> values) {
    return values.entrySet().stream()
        .collect(
            Collectors.toMap(
                Map.Entry::getKey,
                entry ->
                    Base64.getEncoder()
                        .encodeToString(entry.getValue().getBytes(StandardCharsets.UTF_8))));
  }

  /** One if the object was made or changed, else none. */
  private <T extends HasMetadata> int apply(T object) {
    String namespace = object.getMetadata().getNamespace();
    try {
      Optional<String> before =
          Optional.ofNullable(client.resource(object).get())
              .map(found -> found.getMetadata().getResourceVersion());
      T after =
          client.resource(object).fieldManager(FIELD_MANAGER).forceConflicts().serverSideApply();
      return Objects.equals(before.orElse(""), after.getMetadata().getResourceVersion()) ? 0 : 1;
    } catch (KubernetesClientException e) {
      throw failure(object.getKind() + " " + object.getMetadata().getName(), namespace, e);
    }
  }

  private Failure failure(String object, String namespace, KubernetesClientException e) {
    boolean forbidden = e.getCode() == 403;
    return Failure.of(
            ExitCode.PUBLISHING_FAILED,
            "%s in namespace %s could not be written: %s"
                .formatted(object, namespace, KubernetesApi.reason(e)))
        .where("the Kubernetes API" + (e.getCode() > 0 ? ", HTTP " + e.getCode() : ""))
        .state("the database is ready; objects published before are still there")
        .next(
            forbidden
                ? "give this service account get, create and patch on "
                    + object
                    + " in "
                    + namespace
                : "run again once the cause is gone: learnflow-db publish")
        .causedBy(e);
  }
}
