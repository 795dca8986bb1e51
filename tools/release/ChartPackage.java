package release;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import lib.Cached;
import lib.Failure;
import lib.Programs;

/** The chart of a release: with its version, its images by digest, and what Artifact Hub shows. */
public final class ChartPackage {
  /**
   * An image of somebody else that the chart installs.
   *
   * @param name as Artifact Hub shows it
   * @param path of its values, such as {@code metrics.image}
   */
  public record Image(String name, String path) {}

  /** In the order in which they are shown. */
  public static final List<Image> IMAGES =
      List.of(
          new Image("postgresql", "postgresql.image"),
          new Image("postgres-exporter", "metrics.image"));

  private static final Path HELM = Path.of("tools/bin/helm");
  private static final String ANNOTATION = "artifacthub.io/";
  private static final YAMLMapper YAML =
      new YAMLMapper(
          YAMLFactory.builder()
              .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
              .enable(YAMLGenerator.Feature.LITERAL_BLOCK_STYLE)
              .build());

  private final Path folder;

  /** Copies a chart, with the subchart in it, to a folder. */
  public ChartPackage(Path source, Path folder) throws IOException {
    this.folder = folder;
    Cached.delete(folder);
    try (Stream<Path> files = Files.walk(source)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Path copy = folder.resolve(source.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(copy);
        } else {
          Files.copy(file, copy);
        }
      }
    }
  }

  /** Where a value of the chart is, such as {@code migrator.image.digest}. */
  public String value(String path) throws IOException {
    return YAML.readTree(values().toFile()).at("/" + path.replace('.', '/')).asText();
  }

  /** Sets one of its values; the comments, which people read, stay. */
  public void setValue(String path, String value) throws IOException {
    List<String> lines = new ArrayList<>(Files.readAllLines(values()));
    String[] keys = path.split("\\.");
    int at = -1;
    for (int depth = 0; depth < keys.length; depth++) {
      String key = "  ".repeat(depth) + keys[depth] + ":";
      int from = at + 1;
      at = from;
      while (at < lines.size() && !lines.get(at).startsWith(key)) {
        at++;
      }
    }
    String key = "  ".repeat(keys.length - 1) + keys[keys.length - 1] + ":";
    if (at < lines.size()) {
      lines.set(at, key + " \"" + value + "\"");
      Files.write(values(), lines);
    }
    if (!value(path).equals(value)) {
      throw new Failure(values() + " has no value " + path);
    }
  }

  /** What Artifact Hub shows about this version; see its documentation of these annotations. */
  public void describe(Version version, Map<String, String> images, List<Changelog.Change> changes)
      throws IOException {
    Path readme = folder.resolve("README.md");
    Files.writeString(readme, Changelog.withLinks(Files.readString(readme), version));
    Path file = folder.resolve("Chart.yaml");
    ObjectNode chart = (ObjectNode) YAML.readTree(file.toFile());
    ObjectNode annotations = chart.withObjectProperty("annotations");
    annotations.put(ANNOTATION + "prerelease", String.valueOf(version.isPrerelease()));
    ArrayNode named = YAML.createArrayNode();
    images.forEach((name, image) -> named.addObject().put("name", name).put("image", image));
    annotations.put(ANNOTATION + "images", YAML.writeValueAsString(named));
    ArrayNode changed = YAML.createArrayNode();
    for (Changelog.Change change : changes) {
      changed.addObject().put("kind", change.kind()).put("description", change.description());
    }
    annotations.put(ANNOTATION + "changes", YAML.writeValueAsString(changed));
    YAML.writeValue(file.toFile(), chart);
  }

  /** The subchart's archive. */
  public Path subchart() throws IOException {
    try (Stream<Path> archives = Files.list(folder.resolve("charts"))) {
      return archives.findFirst().orElseThrow();
    }
  }

  /** Packages it; the same bytes for the same commit. */
  public Path archive(Version version, FileTime time, Path into)
      throws IOException, InterruptedException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.setLastModifiedTime(file, time);
      }
    }
    Programs.run(
        HELM.toString(),
        "package",
        folder.toString(),
        "--version",
        version.text(),
        "--app-version",
        version.text(),
        "--destination",
        into.toString());
    Path archive = into.resolve("learnflow-db-" + version + ".tgz");
    // The time that Helm writes into the registry's manifest.
    Files.setLastModifiedTime(archive, time);
    return archive;
  }

  private Path values() {
    return folder.resolve("values.yaml");
  }
}
