package org.learnflow.db.chart;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Failure;
import lib.Programs;
import lib.Programs.Result;

/** The files of the repository, and its tools. */
final class Repository {
  static final Path ROOT =
      Path.of(System.getProperty("repository.root")).toAbsolutePath().normalize();
  static final Path CHART = ROOT.resolve("charts/learnflow-db");
  static final Path STAND_IN = ROOT.resolve("e2e/stand-in/postgresql");
  static final ObjectMapper JSON = new ObjectMapper();
  static final YAMLMapper YAML = new YAMLMapper();

  private Repository() {}

  /** Runs one of tools/bin in the repository's root. */
  static Result tool(String name, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(ROOT.resolve("tools/bin").resolve(name).toString());
    command.addAll(List.of(arguments));
    return run(ROOT, command);
  }

  static Result run(Path directory, List<String> command) {
    try {
      return Programs.attempt(new ProcessBuilder(command).directory(directory.toFile()));
    } catch (Failure e) {
      throw new Failure(e.getMessage() + "; next: make tools");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode yaml(Path file) {
    return yaml(read(file)).getFirst();
  }

  /** The documents of a YAML stream that hold anything. */
  static List<JsonNode> yaml(String text) {
    try (var documents = YAML.readerFor(JsonNode.class).<JsonNode>readValues(text)) {
      return documents.readAll().stream().filter(JsonNode::isObject).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
