package org.learnflow.db.chart;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * JSON schemas of one Kubernetes version, as kubeconform wants them: made from api/openapi-spec in
 * the Go module k8s.io/kubernetes, and kept in the user's cache.
 */
final class KubernetesSchemas {
  /** To be raised when other schemas are made of the same OpenAPI file. */
  private static final String FORMAT = "-strict-2";

  private static final String DEFINITIONS = "_definitions.json";

  private KubernetesSchemas() {}

  /** Directory of the schemas; {@code KIND-GROUP-VERSION.json} each. */
  static synchronized Path of(String version) throws IOException {
    Path directory = cache().resolve("kubernetes-schemas").resolve(version + FORMAT);
    if (Files.notExists(directory)) {
      Files.createDirectories(directory.getParent());
      Path unfinished = Files.createTempDirectory(directory.getParent(), version);
      write(openApi(version), unfinished);
      publish(unfinished, directory);
    }
    return directory;
  }

  /** Another checkout may have made the same ones meanwhile; then these are not needed. */
  static void publish(Path unfinished, Path directory) throws IOException {
    try {
      Files.move(unfinished, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileSystemException e) {
      if (!Files.isDirectory(directory)) {
        throw e;
      }
      try (Stream<Path> files = Files.list(unfinished)) {
        for (Path file : (Iterable<Path>) files::iterator) {
          Files.delete(file);
        }
      }
      Files.delete(unfinished);
    }
  }

  private static Path cache() {
    Map<String, String> environment = System.getenv();
    String base = environment.getOrDefault("XDG_CACHE_HOME", environment.get("HOME") + "/.cache");
    return Path.of(base, "learnflow-db");
  }

  private static JsonNode openApi(String version) throws IOException {
    System.err.println("making schemas of Kubernetes " + version + ", once");
    Path directory = GoModules.directory("k8s.io/kubernetes@v" + version);
    return Repository.JSON.readTree(directory.resolve("api/openapi-spec/swagger.json").toFile());
  }

  private static void write(JsonNode openApi, Path directory) throws IOException {
    ObjectNode definitions = (ObjectNode) openApi.path("definitions");
    definitions
        .properties()
        .forEach(entry -> makeStrict(entry.getKey(), (ObjectNode) entry.getValue()));
    ObjectNode document = Repository.JSON.createObjectNode();
    document.set("definitions", definitions);
    Files.writeString(
        directory.resolve(DEFINITIONS),
        document.toString().replace("\"#/definitions/", "\"" + DEFINITIONS + "#/definitions/"));
    for (Map.Entry<String, JsonNode> entry : definitions.properties()) {
      for (JsonNode kind : entry.getValue().path("x-kubernetes-group-version-kind")) {
        ObjectNode reference = Repository.JSON.createObjectNode();
        reference.put("$ref", DEFINITIONS + "#/definitions/" + entry.getKey());
        Files.writeString(directory.resolve(fileName(kind)), reference.toString());
      }
    }
  }

  /**
   * kubeconform's {@code {{.ResourceKind}}{{.KindSuffix}}}: the group's first label, and no group
   * at all for core.
   */
  private static String fileName(JsonNode kind) {
    String group =
        Optional.of(kind.path("group").asText())
            .filter(name -> !name.isEmpty())
            .map(name -> "-" + name.split("\\.")[0])
            .orElse("");
    return (kind.path("kind").asText() + group + "-" + kind.path("version").asText())
            .toLowerCase(java.util.Locale.ROOT)
        + ".json";
  }

  private static void makeStrict(String name, ObjectNode definition) {
    if (name.endsWith(".IntOrString") || name.endsWith(".Quantity")) {
      definition.removeAll();
      definition.putArray("type").add("string").add("number");
      return;
    }
    if (definition.has("properties") && !definition.has("additionalProperties")) {
      definition.put("additionalProperties", false);
    }
    nullable(definition);
  }

  /** The API server takes null for a field that is not set. */
  private static void nullable(ObjectNode definition) {
    for (Map.Entry<String, JsonNode> entry : definition.path("properties").properties()) {
      ObjectNode property = (ObjectNode) entry.getValue();
      if (property.path("type").isTextual()) {
        String type = property.path("type").asText();
        property.putArray("type").add(type).add("null");
      } else if (property.has("$ref")) {
        JsonNode reference = property.deepCopy();
        property.removeAll();
        property.putArray("anyOf").add(reference).addObject().put("type", "null");
      }
    }
  }
}
