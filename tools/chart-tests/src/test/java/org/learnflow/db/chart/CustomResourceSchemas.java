package org.learnflow.db.chart;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * JSON schemas of the objects of Argo CD, Flux and CloudNativePG, as kubeconform wants them: made
 * from the CustomResourceDefinitions in their Go modules, of the versions that the tests on a
 * cluster run.
 */
final class CustomResourceSchemas {
  /**
   * A controller.
   *
   * @param pinning directory of the Go module that pins it, in e2e
   * @param module as Go names it
   * @param definitions directory of its CustomResourceDefinitions in the module
   */
  private record Controller(String pinning, String module, String definitions) {
    String version() {
      String file = Repository.read(Repository.ROOT.resolve("e2e").resolve(pinning + "/go.mod"));
      Matcher line =
          Pattern.compile(
                  "^(?:require |\t)" + Pattern.quote(module) + " (v\\S+)", Pattern.MULTILINE)
              .matcher(file);
      if (!line.find()) {
        throw new AssertionError("e2e/" + pinning + "/go.mod has no require " + module);
      }
      return line.group(1);
    }
  }

  private static final List<Controller> CONTROLLERS =
      List.of(
          new Controller("gitops/go/argocd", "github.com/argoproj/argo-cd/v3", "manifests/crds"),
          new Controller(
              "gitops/go/source-controller",
              "github.com/fluxcd/source-controller",
              "config/crd/bases"),
          new Controller(
              "gitops/go/helm-controller", "github.com/fluxcd/helm-controller", "config/crd/bases"),
          new Controller(
              "cnpg/go/cloudnative-pg",
              "github.com/cloudnative-pg/cloudnative-pg",
              "config/crd/bases"));

  private CustomResourceSchemas() {}

  /** Writes {@code KIND-GROUP-VERSION.json} each. */
  static void write(Path directory) throws IOException {
    for (Controller controller : CONTROLLERS) {
      Path module = GoModules.directory(controller.module() + "@" + controller.version());
      try (Stream<Path> files = Files.list(module.resolve(controller.definitions()))) {
        for (Path file : files.toList()) {
          JsonNode definition = Repository.yaml(file);
          if (definition.path("kind").asText().equals("CustomResourceDefinition")) {
            write(definition.path("spec"), directory);
          }
        }
      }
    }
  }

  private static void write(JsonNode definition, Path directory) throws IOException {
    for (JsonNode version : definition.path("versions")) {
      JsonNode schema = version.at("/schema/openAPIV3Schema");
      makeStrict(schema);
      // Its type is Kubernetes' own, and the definition says only that it is an object.
      ((ObjectNode) schema.path("properties").path("metadata")).remove("additionalProperties");
      String file =
          "%s-%s-%s.json"
              .formatted(
                  definition.at("/names/kind").asText(),
                  definition.path("group").asText().split("\\.")[0],
                  version.path("name").asText())
              .toLowerCase(Locale.ROOT);
      Files.writeString(directory.resolve(file), schema.toString());
    }
  }

  private static void makeStrict(JsonNode schema) {
    if (schema instanceof ObjectNode object
        && schema.path("properties").isObject()
        && !schema.has("additionalProperties")
        && !schema.path("x-kubernetes-preserve-unknown-fields").asBoolean()) {
      object.put("additionalProperties", false);
    }
    schema.forEach(CustomResourceSchemas::makeStrict);
  }
}
