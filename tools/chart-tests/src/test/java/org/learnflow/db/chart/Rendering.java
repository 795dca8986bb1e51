package org.learnflow.db.chart;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A way to use the chart: values files that are rendered together.
 *
 * @param values of the chart, relative to its directory
 */
record Rendering(List<String> values) {
  static final String RELEASE = "learnflow-db";
  static final String NAMESPACE = "postgres";

  /** The defaults, both environments, and every file in ci/ and tests/values/. */
  static Stream<Rendering> all() {
    return Stream.concat(
            Stream.of(List.<String>of(), List.of("values-dev.yaml"), List.of("values-prod.yaml")),
            Stream.of("ci", "tests/values").flatMap(Rendering::files).map(List::of))
        .map(Rendering::new);
  }

  private static Stream<String> files(String directory) {
    try (Stream<Path> files = Files.list(Repository.CHART.resolve(directory))) {
      return files.map(file -> directory + "/" + file.getFileName()).sorted().toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All manifests, hooks included. */
  String text(String helm, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of("template", RELEASE, Repository.CHART.toString(), "--namespace", NAMESPACE));
    values.forEach(file -> {
      arguments.add("--values");
      arguments.add(Repository.CHART.resolve(file).toString());
    });
    arguments.addAll(List.of(options));
    return Repository.tool(helm, arguments.toArray(String[]::new)).successful();
  }

  String text() {
    return text("helm");
  }

  List<JsonNode> objects() {
    return Repository.yaml(text());
  }

  /**
   * One of them.
   *
   * @param name kind and name
   */
  JsonNode object(String name) {
    return objects().stream().filter(object -> name(object).equals(name)).findFirst().orElseThrow();
  }

  /** Pods, and what makes pods: the metadata and spec of each. */
  List<Pod> pods() {
    return objects().stream()
        .flatMap(object ->
            switch (object.path("kind").asText()) {
              case "Pod" -> Stream.of(new Pod(name(object), object.path("spec")));
              case "Deployment", "Job", "StatefulSet" ->
                  Stream.of(new Pod(name(object), object.at("/spec/template/spec")));
              case "CronJob" ->
                  Stream.of(
                      new Pod(name(object), object.at("/spec/jobTemplate/spec/template/spec")));
              default -> Stream.empty();
            })
        .toList();
  }

  /**
   * A pod.
   *
   * @param name kind and name of the object that makes it
   */
  record Pod(String name, JsonNode spec) {
    Stream<JsonNode> containers() {
      return Stream.of("initContainers", "containers").flatMap(key -> stream(spec.path(key)));
    }

    /** What one of its containers mounts of a kind, such as {@code secret}, projected or not. */
    Stream<JsonNode> sources(JsonNode container, String kind) {
      Set<String> mounted =
          stream(container.path("volumeMounts"))
              .map(mount -> mount.path("name").asText())
              .collect(Collectors.toSet());
      return stream(spec.path("volumes"))
          .filter(volume -> mounted.contains(volume.path("name").asText()))
          .flatMap(
              volume -> Stream.concat(Stream.of(volume), stream(volume.at("/projected/sources"))))
          .filter(source -> source.has(kind))
          .map(source -> source.path(kind));
    }

    /**
     * What one of its containers mounts of Secrets: {@code SECRET/KEY}, {@code SECRET/} for all
     * keys, and {@code ca.crt} for any certificate of an authority.
     */
    List<String> secrets(JsonNode container) {
      return sources(container, "secret")
          .flatMap(secret -> {
            String name = secret.path("name").asText(secret.path("secretName").asText()) + "/";
            return secret.path("items").isEmpty()
                ? Stream.of(name)
                : stream(secret.path("items"))
                    .map(item ->
                        item.path("path").asText().equals("ca.crt")
                            ? "ca.crt"
                            : name + item.path("key").asText());
          })
          .toList();
    }

    private static Stream<JsonNode> stream(JsonNode list) {
      return StreamSupport.stream(list.spliterator(), false);
    }
  }

  static String name(JsonNode object) {
    return object.path("kind").asText() + "/" + object.at("/metadata/name").asText();
  }

  @Override
  public String toString() {
    return values.isEmpty() ? "values.yaml" : String.join(" ", values);
  }
}
