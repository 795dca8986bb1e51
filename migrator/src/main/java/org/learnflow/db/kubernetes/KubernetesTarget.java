package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
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

  private final KubernetesApi api;
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
    this.api = api;
    this.client = api.client();
    this.release = release;
    this.namespaces = List.copyOf(namespaces);
  }

  @Override
  public String publish(PublishedConnection connection, String schemaVersion) {
    int written = 0;
    for (String namespace : namespaces) {
      for (HasMetadata object : objects(connection, schemaVersion, metadata(namespace))) {
        written += apply(object);
      }
    }
    return "Secrets %1$s and %1$s-env and ConfigMap %1$s in %2$s: %3$s"
        .formatted(
            release,
            String.join(", ", namespaces),
            written == 0 ? "unchanged" : written + " written");
  }

  private List<HasMetadata> objects(
      PublishedConnection connection, String schemaVersion, ObjectMeta metadata) {
    return List.of(
        new SecretBuilder()
            .withMetadata(metadata)
            .withType("servicebinding.io/postgresql")
            .addToData(encoded(connection.binding()))
            .build(),
        new SecretBuilder()
            .withMetadata(metadata.edit().withName(release + "-env").build())
            .withType("Opaque")
            .addToData(encoded(connection.secretEnvironment()))
            .build(),
        new ConfigMapBuilder()
            .withMetadata(metadata)
            .addToData(connection.openEnvironment(schemaVersion))
            .build());
  }

  /** Of an object named as the release, owned by ConfigMap R-owner where there is one. */
  private ObjectMeta metadata(String namespace) {
    String owner = release + "-owner";
    ObjectMetaBuilder metadata =
        new ObjectMetaBuilder().withName(release).withNamespace(namespace).withLabels(LABELS);
    try {
      Optional.ofNullable(client.configMaps().inNamespace(namespace).withName(owner).get())
          .ifPresent(map ->
              metadata
                  .addNewOwnerReference()
                  .withApiVersion("v1")
                  .withKind("ConfigMap")
                  .withName(owner)
                  .withUid(map.getMetadata().getUid())
                  .endOwnerReference());
    } catch (KubernetesClientException e) {
      throw failure("ConfigMap " + owner, namespace, e);
    }
    return metadata.build();
  }

  /** The namespaces that are published in. */
  public List<String> namespaces() {
    return namespaces;
  }

  /**
   * A published object as it is found.
   *
   * @param object kind and name
   * @param state {@code there}, {@code missing} or {@code differing}
   */
  public record Found(String namespace, String object, String state) {
    /** Whether a service finds there what it needs. */
    public boolean matches() {
      return state.equals("there");
    }
  }

  /**
   * Compares what is published with what would be; changes nothing.
   *
   * @throws Failure where it cannot be read
   */
  public List<Found> compare(PublishedConnection connection, String schemaVersion) {
    List<Found> found = new ArrayList<>();
    for (String namespace : namespaces) {
      found.add(compare(namespace, Kind.SECRET, release, connection.binding()));
      found.add(compare(namespace, Kind.SECRET, release + "-env", connection.secretEnvironment()));
      found.add(
          compare(namespace, Kind.CONFIG_MAP, release, connection.openEnvironment(schemaVersion)));
    }
    return List.copyOf(found);
  }

  private Found compare(String namespace, Kind kind, String name, Map<String, String> wanted) {
    String state =
        api.get(kind, namespace, name)
            .map(object -> kind == Kind.SECRET ? CredentialsSecret.values(object) : text(object))
            .map(data -> data.equals(wanted) ? "there" : "differing")
            .orElse("missing");
    return new Found(namespace, kind.text() + " " + name, state);
  }

  private static Map<String, String> text(JsonNode map) {
    Map<String, String> values = new TreeMap<>();
    map.path("data")
        .properties()
        .forEach(entry -> values.put(entry.getKey(), entry.getValue().asText()));
    return values;
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
