package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.Service;
import org.learnflow.db.publish.PublishTarget;
import org.learnflow.db.publish.PublishedConnection;

/**
 * Publishes by server-side apply: Secret {@code R} (a service binding), Secret {@code R-env} and
 * ConfigMap {@code R} (for envFrom) in each namespace; for a service with roles of its own, the
 * same under its name in its namespace. They belong to ConfigMap {@code R-owner} where there is
 * one. Labels and annotations that others add survive; unchanged content causes no write. Where one
 * of the names is somebody else's object, nothing is written anywhere.
 */
public final class KubernetesTarget implements PublishTarget {
  private static final String MANAGED_BY = "app.kubernetes.io/managed-by";

  /** No app.kubernetes.io/instance: with label tracking Argo CD would prune the objects. */
  static final Map<String, String> LABELS =
      Map.of("app.kubernetes.io/name", "learnflow-db", MANAGED_BY, "learnflow-db");

  private final KubernetesApi api;
  private final String release;
  private final List<String> namespaces;

  /**
   * A target.
   *
   * @param release name R of the release
   * @param namespaces where to publish the connection of all services
   */
  public KubernetesTarget(KubernetesApi api, String release, List<String> namespaces) {
    this.api = api;
    this.release = release;
    this.namespaces = List.copyOf(namespaces);
  }

  @Override
  public String publish(List<PublishedConnection> connections, String schemaVersion) {
    Map<String, Optional<ObjectNode>> owners = new HashMap<>();
    List<List<Place>> all = new ArrayList<>();
    for (PublishedConnection connection : connections) {
      List<Place> places = new ArrayList<>();
      for (String namespace : namespaces(connection)) {
        Optional<ObjectNode> owner = owners.computeIfAbsent(namespace, this::owner);
        for (Wanted wanted : wanted(connection, schemaVersion)) {
          places.add(new Place(namespace, wanted, owner, before(namespace, wanted)));
        }
      }
      all.add(places);
    }
    refuseForeign(all.stream().flatMap(List::stream).toList());
    List<String> done = new ArrayList<>();
    for (int i = 0; i < connections.size(); i++) {
      done.add(write(connections.get(i), all.get(i)));
    }
    return String.join("; ", done);
  }

  private String write(PublishedConnection connection, List<Place> places) {
    int written = 0;
    for (Place place : places) {
      written += write(place) ? 1 : 0;
    }
    return "Secrets %1$s and %1$s-env and ConfigMap %1$s in %2$s: %3$s"
        .formatted(
            name(connection),
            String.join(", ", namespaces(connection)),
            written == 0 ? "unchanged" : written + " written");
  }

  private String name(PublishedConnection connection) {
    return connection.service().map(Service::secret).orElse(release);
  }

  private List<String> namespaces(PublishedConnection connection) {
    return connection.service().map(Service::namespace).map(List::of).orElse(namespaces);
  }

  /**
   * An object to publish.
   *
   * @param type of a Secret, else empty
   * @param data not encoded
   */
  private record Wanted(Kind kind, String name, String type, Map<String, String> data) {
    String title() {
      return kind.text() + " " + name;
    }

    /** Values as the API shows them. */
    ObjectNode values() {
      ObjectNode values = KubernetesApi.object();
      data.forEach(
          (key, value) -> values.put(key, kind == Kind.SECRET ? SecretData.encode(value) : value));
      return values;
    }
  }

  /**
   * Where an object is published.
   *
   * @param owner that it shall have
   * @param before as it is there
   */
  private record Place(
      String namespace, Wanted wanted, Optional<ObjectNode> owner, Optional<JsonNode> before) {
    /** For people. */
    String title() {
      return "%s in namespace %s".formatted(wanted.title(), namespace);
    }
  }

  private List<Wanted> wanted(PublishedConnection connection, String schemaVersion) {
    Map<String, String> open = connection.openEnvironment(schemaVersion);
    open.putAll(connection.certificateEnvironment());
    String name = name(connection);
    return List.of(
        new Wanted(Kind.SECRET, name, "servicebinding.io/postgresql", connection.binding()),
        new Wanted(Kind.SECRET, name + "-env", "Opaque", connection.secretEnvironment()),
        new Wanted(Kind.CONFIG_MAP, name, "", open));
  }

  /** A reference to ConfigMap R-owner where there is one. */
  private Optional<ObjectNode> owner(String namespace) {
    String name = release + "-owner";
    try {
      return api.get(Kind.CONFIG_MAP, namespace, name)
          .map(map ->
              KubernetesApi.object()
                  .put("apiVersion", Kind.CONFIG_MAP.apiVersion())
                  .put("kind", Kind.CONFIG_MAP.text())
                  .put("name", name)
                  .put("uid", map.at("/metadata/uid").asText()));
    } catch (Failure e) {
      throw failure("ConfigMap " + name, "read", namespace, e);
    }
  }

  private Optional<JsonNode> before(String namespace, Wanted wanted) {
    try {
      return api.get(wanted.kind(), namespace, wanted.name());
    } catch (Failure e) {
      throw failure(wanted.title(), "read", namespace, e);
    }
  }

  private void refuseForeign(List<Place> places) {
    List<String> foreign = new ArrayList<>();
    List<String> deletions = new ArrayList<>();
    for (Place place : places) {
      Wanted wanted = place.wanted();
      place
          .before()
          .flatMap(object -> foreign(place.namespace(), object, wanted))
          .ifPresent(why -> {
            foreign.add("%s is somebody else's: %s".formatted(place.title(), why));
            deletions.add(
                "kubectl -n %s delete %s %s"
                    .formatted(place.namespace(), wanted.kind().singular(), wanted.name()));
          });
    }
    if (!foreign.isEmpty()) {
      throw Failure.of(ExitCode.PUBLISHING_FAILED, String.join("; ", foreign))
          .state("the database is ready; nothing was written in any namespace")
          .next(
              "rename the release: docs/how-to/rename.md; or, if nobody needs it: %s; then run the same command again"
                  .formatted(String.join("; ", deletions)));
    }
  }

  /**
   * Why an object under one of our names is not ours to write. One with a label that was taken away
   * is ours, and one whose label was changed is, if it belongs to ConfigMap R-owner.
   */
  private Optional<String> foreign(String namespace, JsonNode object, Wanted wanted) {
    String type = object.path("type").asText();
    if (!type.equals(wanted.type())) {
      return Optional.of("its type is %s, not %s".formatted(type, wanted.type()));
    }
    JsonNode owners = object.at("/metadata/ownerReferences");
    Optional<String> controller =
        owners
            .valueStream()
            .filter(owner -> owner.path("controller").asBoolean())
            .map(owner -> owner.path("kind").asText() + " " + owner.path("name").asText())
            .findFirst();
    if (controller.isPresent()) {
      return Optional.of(controller.get() + " controls it");
    }
    String manager = object.at("/metadata/labels").path(MANAGED_BY).asText();
    if (manager.isEmpty() || manager.equals(LABELS.get(MANAGED_BY))) {
      return Optional.empty();
    }
    Set<JsonNode> uids = new HashSet<>();
    owners.forEach(owner -> uids.add(owner.path("uid")));
    return owner(namespace).filter(ours -> uids.contains(ours.path("uid"))).isPresent()
        ? Optional.empty()
        : Optional.of("its label %s is %s".formatted(MANAGED_BY, manager));
  }

  /** Whether the object had to be made or changed. */
  private boolean write(Place place) {
    Wanted wanted = place.wanted();
    if (place.before().filter(object -> isCurrent(object, wanted, place.owner())).isPresent()) {
      return false;
    }
    try {
      JsonNode after =
          api.apply(
              wanted.kind(), place.namespace(), manifest(place.namespace(), wanted, place.owner()));
      return !place.before().map(KubernetesTarget::version).equals(Optional.of(version(after)));
    } catch (Failure e) {
      throw failure(wanted.title(), "written", place.namespace(), e);
    }
  }

  private static String version(JsonNode object) {
    return object.at("/metadata/resourceVersion").asText();
  }

  /** Exactly our values, and among others our labels and owner. */
  private static boolean isCurrent(JsonNode object, Wanted wanted, Optional<ObjectNode> owner) {
    boolean labelled =
        LABELS.entrySet().stream()
            .allMatch(label ->
                object
                    .path("metadata")
                    .path("labels")
                    .path(label.getKey())
                    .asText()
                    .equals(label.getValue()));
    Set<JsonNode> owners = new HashSet<>();
    object.at("/metadata/ownerReferences").forEach(owners::add);
    return object.path("data").equals(wanted.values())
        && object.path("type").asText().equals(wanted.type())
        && labelled
        && owner.map(owners::contains).orElse(true);
  }

  private static ObjectNode manifest(String namespace, Wanted wanted, Optional<ObjectNode> owner) {
    ObjectNode object =
        KubernetesApi.object()
            .put("apiVersion", wanted.kind().apiVersion())
            .put("kind", wanted.kind().text());
    ObjectNode metadata =
        object.putObject("metadata").put("name", wanted.name()).put("namespace", namespace);
    ObjectNode labels = metadata.putObject("labels");
    LABELS.forEach(labels::put);
    owner.ifPresent(reference -> metadata.putArray("ownerReferences").add(reference));
    if (wanted.kind() == Kind.SECRET) {
      object.put("type", wanted.type());
    }
    object.set("data", wanted.values());
    return object;
  }

  /**
   * Whether a Secret is there with another password than that of the connection.
   *
   * @throws Failure where it cannot be read
   */
  public boolean hasAnotherPassword(PublishedConnection connection) {
    String name = name(connection);
    Password password = connection.password();
    return namespaces(connection).stream()
        .anyMatch(namespace ->
            isAnother(namespace, name, "password", password)
                || isAnother(namespace, name + "-env", "PGPASSWORD", password));
  }

  private boolean isAnother(String namespace, String secret, String key, Password password) {
    return api.get(Kind.SECRET, namespace, secret)
        .map(SecretData::decode)
        .filter(values -> !password.value().equals(values.get(key)))
        .isPresent();
  }

  @Override
  public boolean isPublished(List<PublishedConnection> connections, String schemaVersion) {
    return compare(connections, schemaVersion).stream().allMatch(Found::matches);
  }

  @Override
  public String place() {
    return String.join(",", namespaces);
  }

  /**
   * A published object as it is found.
   *
   * @param object kind and name
   * @param state {@code there}, {@code missing}, {@code differing}, or {@code foreign}: somebody
   *     else's
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
  public List<Found> compare(List<PublishedConnection> connections, String schemaVersion) {
    return connections.stream()
        .flatMap(connection ->
            namespaces(connection).stream()
                .flatMap(namespace ->
                    wanted(connection, schemaVersion).stream()
                        .map(wanted ->
                            new Found(namespace, wanted.title(), state(namespace, wanted)))))
        .toList();
  }

  private String state(String namespace, Wanted wanted) {
    return api.get(wanted.kind(), namespace, wanted.name())
        .map(object ->
            foreign(namespace, object, wanted).isPresent()
                ? "foreign"
                : object.path("data").equals(wanted.values()) ? "there" : "differing")
        .orElse("missing");
  }

  private static Failure failure(String object, String verb, String namespace, Failure cause) {
    return cause
        .code(ExitCode.PUBLISHING_FAILED)
        .what(
            "%s in namespace %s could not be %s: %s"
                .formatted(object, namespace, verb, cause.what()))
        .state(
            "the database is ready; previously published objects still exist"
                + cause.state().map(state -> "; " + state).orElse(""));
  }
}
