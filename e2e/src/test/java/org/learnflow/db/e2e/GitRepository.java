package org.learnflow.db.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A git repository as users of Argo CD and Flux have it, served on this machine: the chart and the
 * examples. Its chart's default values name the images of the tests, which is what nobody else
 * would write there.
 */
final class GitRepository implements AutoCloseable {
  static final String BRANCH = "main";

  /** What production is at, in the examples. */
  static final String FIRST_TAG = "v0.1.0";

  private static final Duration MOST = Duration.ofSeconds(60);

  private static final String CHART = "charts/learnflow-db";
  private static final String VALUES = CHART + "/values.yaml";
  private static final String PROD = CHART + "/values-prod.yaml";

  /** The user's own configuration may want signatures, or a name. */
  private static final Map<String, String> ENVIRONMENT =
      Map.of(
          "GIT_CONFIG_GLOBAL", "/dev/null",
          "GIT_CONFIG_NOSYSTEM", "1",
          "GIT_AUTHOR_NAME", "e2e",
          "GIT_AUTHOR_EMAIL", "e2e@learnflow.test",
          "GIT_COMMITTER_NAME", "e2e",
          "GIT_COMMITTER_EMAIL", "e2e@learnflow.test");

  private static final Pattern DOCUMENTS = Pattern.compile("^---$", Pattern.MULTILINE);

  /** What the examples say. */
  private static final String PUBLIC_URL = "https://github.com/learnflow/learnflow-db.git";

  private final Workspace workspace;

  /** The test's namespaces by those of the examples. */
  private final Map<String, String> own = new HashMap<>();

  private final Path folder;
  private final Path tree;
  private final GitServer server;

  /** One with a first commit, served until the test's end. */
  GitRepository(Workspace workspace) {
    this.workspace = workspace;
    try {
      folder = Files.createTempDirectory("e2e-git");
      Files.createDirectory(folder.resolve("charts"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server = new GitServer(folder);
    workspace.atEnd(this::close);
    tree = folder.resolve("tree");
    run("git", "init", "-q", "--bare", "-b", BRANCH, folder + "/app.git");
    run("git", "clone", "-q", folder + "/app.git", tree.toString());
    git("checkout", "-q", "-b", BRANCH);
    copy(CHART);
    copy("examples");
    copy("values-dev.yaml");
    copy("values-prod.yaml");
    ObjectNode values = values(VALUES);
    Images.setValues(values);
    write(VALUES, Serialization.asYaml(values));
    ObjectNode prod = values(PROD);
    // Several tests share a small node.
    prod.withObject("/postgresql/primary/resources/requests").put("cpu", "100m");
    write(PROD, Serialization.asYaml(prod));
    write(
        "examples/progress-service/templates/deployment.yaml",
        Serialization.asYaml(Service.example()));
    commit("The chart, with images of the tests");
    tag(FIRST_TAG);
  }

  private void copy(String name) {
    // Not -a: owners and times are of no use here, links are followed in a user's checkout too.
    run("sh", "-c", "mkdir -p \"$2\" && cp -RP \"$1\" \"$2\"", "sh", name, parent(name));
  }

  private String parent(String name) {
    return tree.resolve(name).getParent().toString();
  }

  /** Where controllers find it. */
  String url() {
    return server.url() + "/app.git";
  }

  /** Of a chart repository that has what {@link #publish} has put there. */
  String chartsUrl() {
    return server.url() + "/charts";
  }

  /** What answers at {@link #url()}. */
  GitServer server() {
    return server;
  }

  String read(String file) {
    try {
      return Files.readString(tree.resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes a file of the working tree. */
  void write(String file, String text) {
    Repository.write(tree.resolve(file), text);
  }

  /**
   * Has an example mean this repository, the test's own namespaces, and the controllers of the
   * test; nothing else of it is changed.
   *
   * @param controllers their namespace
   * @return the example
   */
  String adapt(String file, String controllers) {
    own.put("argocd", controllers);
    String adapted =
        DOCUMENTS
            .splitAsStream(read(file).replace(PUBLIC_URL, url()))
            .map(document -> Serialization.unmarshal(document, JsonNode.class))
            .filter(ObjectNode.class::isInstance)
            .map(ObjectNode.class::cast)
            .map(document -> Serialization.asYaml(adapted(document, controllers)))
            .collect(Collectors.joining());
    write(file, adapted);
    return adapted;
  }

  private ObjectNode adapted(ObjectNode document, String controllers) {
    String kind = document.path("kind").asText();
    if (kind.equals("Namespace")) {
      ObjectNode metadata = document.withObject("/metadata");
      metadata.put("name", namespace(metadata.path("name").asText()));
    } else if (document.path("apiVersion").asText().contains("fluxcd.io/")) {
      document.withObject("/metadata/labels").put(Flux.SHARD, controllers);
      if (kind.equals("HelmRelease")) {
        document.withObject("/spec/chart/metadata/labels").put(Flux.SHARD, controllers);
      }
    }
    moveNamespaces(document);
    return document;
  }

  private void moveNamespaces(ObjectNode node) {
    for (Map.Entry<String, JsonNode> field : List.copyOf(node.properties())) {
      String name = field.getKey();
      JsonNode value = field.getValue();
      if (name.equals("namespace") && value.isTextual()) {
        node.put(name, namespace(value.asText()));
      } else if (name.equals("namespaces")) {
        ArrayNode mine = node.putArray(name);
        value.forEach(one -> mine.add(namespace(one.asText())));
      } else if (value instanceof ObjectNode object) {
        moveNamespaces(object);
      } else {
        value
            .valueStream()
            .filter(ObjectNode.class::isInstance)
            .forEach(one -> moveNamespaces((ObjectNode) one));
      }
    }
  }

  /** The test's own namespace in the place of an example's; it is to be made. */
  String namespace(String example) {
    return own.containsValue(example)
        ? example
        : own.computeIfAbsent(example, name -> workspace.unmade());
  }

  /** Commits the next version of the product, whose image has this tag. */
  String release(String tag) {
    ObjectNode values = values(VALUES);
    Images.setTag(values, tag);
    write(VALUES, Serialization.asYaml(values));
    return commit("Release " + tag);
  }

  /**
   * Commits a service with a role of its own, for development.
   *
   * @return the revision
   */
  String commitService(String name) {
    String values = "charts/learnflow-db/values-dev.yaml";
    write(values, read(values) + "services:\n  %s: {}\n".formatted(name));
    return commit("Give %s a role of its own".formatted(name));
  }

  /**
   * Commits what was written, and pushes it.
   *
   * @return the revision
   */
  String commit(String message) {
    git("add", "--all");
    git("commit", "-q", "--allow-empty", "-m", message);
    git("push", "-q", "origin", BRANCH);
    return git("rev-parse", "HEAD").strip();
  }

  /** Has a tag mean the last commit. */
  void tag(String name) {
    git("tag", "--force", name);
    git("push", "-q", "--force", "origin", name);
  }

  /** Puts the chart into the chart repository, as it is in the working tree. */
  void publish(String version) {
    run(
        Repository.tool("helm").toString(),
        "package",
        tree.resolve(CHART).toString(),
        "--version",
        version,
        "-d",
        folder + "/charts");
    run(Repository.tool("helm").toString(), "repo", "index", folder + "/charts");
  }

  private ObjectNode values(String file) {
    return Serialization.unmarshal(read(file), ObjectNode.class);
  }

  private String git(String... words) {
    List<String> command = new ArrayList<>(List.of("git", "-C", tree.toString()));
    command.addAll(List.of(words));
    return run(command.toArray(String[]::new));
  }

  private String run(String... words) {
    return workspace.record(Command.run(MOST, ENVIRONMENT, List.of(words))).successful().output();
  }

  @Override
  public void close() {
    server.close();
    run("rm", "-rf", folder.toString());
  }
}
