package org.learnflow.db.e2e;

import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** The images that the tests run, and how others come to the nodes. */
final class Images {
  static final String PYTHON = "learnflow.test/python:3";

  /** Those that make e2e loads for the examples. */
  static final String NODE = "learnflow.test/node:20";

  static final String SPRING = "learnflow.test/exercise:1.0.0";

  /** Whether PostgreSQL runs on the Bitnami-like image, which starts itself. */
  static final boolean BITNAMI = Boolean.getBoolean("postgresql.bitnami");

  private static final Path BITNAMI_VALUES =
      Repository.ROOT.resolve("charts/learnflow-db/values-bitnami-image.yaml");

  private static final String ARCHIVE = "migrator/target/image.tar";

  /** The migrator's, as make image has named it. */
  static final String MIGRATOR =
      manifest(run("tar", "-xOf", ARCHIVE, "manifest.json")).at("/RepoTags/0").asText();

  private Images() {}

  /** What is set beside the values that everybody uses. */
  static List<String> values() {
    return values(BITNAMI);
  }

  /** The same with one of the two images of PostgreSQL, whichever the tests run on. */
  static List<String> values(boolean bitnami) {
    List<String> values = new ArrayList<>();
    if (bitnami) {
      values.addAll(List.of("--values", BITNAMI_VALUES.toString()));
    }
    values.addAll(List.of("--set", "migrator.image.tag=" + tag(MIGRATOR)));
    values.addAll(ofPostgresql(bitnami));
    return values;
  }

  /** The same without the migrator's. */
  static List<String> ofPostgresql() {
    return ofPostgresql(false);
  }

  private static List<String> ofPostgresql(boolean bitnami) {
    return List.of(
        "--set",
        "postgresql.image.registry=learnflow.test,postgresql.image.repository="
            + repository(bitnami),
        "--set-string",
        "postgresql.image.tag=17",
        // Several tests share a small node.
        "--set",
        "postgresql.primary.resources.requests.cpu=100m");
  }

  /** {@link #values()} in a chart's values. */
  static void setValues(ObjectNode values) {
    if (BITNAMI) {
      try {
        new ObjectMapper()
            .readerForUpdating(values)
            .readValue(Serialization.unmarshal(Files.readString(BITNAMI_VALUES), ObjectNode.class));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    setTag(values, tag(MIGRATOR));
    ObjectNode postgresql = values.withObject("/postgresql");
    postgresql
        .withObject("/image")
        .put("registry", "learnflow.test")
        .put("repository", repository(BITNAMI))
        .put("tag", "17");
    postgresql.withObject("/primary/resources/requests").put("cpu", "100m");
  }

  private static String repository(boolean bitnami) {
    return bitnami ? "postgresql-bitnami" : "postgresql";
  }

  /** The migrator's tag in a chart's values. */
  static void setTag(ObjectNode values, String tag) {
    values.withObject("/migrator/image").put("tag", tag);
  }

  static String tag(String image) {
    return image.substring(image.lastIndexOf(':') + 1);
  }

  /**
   * Puts an image on the nodes that is the migrator's with one more migration, as the next version
   * of the product would be. Skips the test where no way is known to load one.
   *
   * @param name part of the new tag
   * @param file such as {@code V010__add_badges.sql}
   * @return the tag
   */
  static String withMigration(String name, String file, String sql) {
    return withMigration(name, Map.of(file, sql));
  }

  /** The command that puts an archive on the nodes; skips the test where none is known. */
  static String requireLoading() {
    String load = System.getProperty("image.load");
    assumeThat(load).as("E2E_LOAD, the command that loads an image's archive").isNotEmpty();
    return load;
  }

  /**
   * The same with several files.
   *
   * @param migrations text by name
   */
  static String withMigration(String name, Map<String, String> migrations) {
    String load = requireLoading();
    try {
      Path folder = Files.createTempDirectory("e2e-image");
      Path archive = folder.resolve(name + ".tar");
      try {
        String image = MIGRATOR + "-" + name;
        write(folder, image, migrations);
        run("tar", "-cf", archive.toString(), "-C", folder.resolve("image").toString(), ".");
        run("sh", "-c", load + " \"$1\"", "sh", archive.toString());
        return tag(image);
      } finally {
        run("rm", "-rf", folder.toString());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Lays out the archive: that of the migrator with a layer on top. */
  private static void write(Path folder, String image, Map<String, String> migrations)
      throws IOException {
    Path unpacked = Files.createDirectory(folder.resolve("image"));
    run("tar", "-xf", ARCHIVE, "-C", unpacked.toString());
    Path root = folder.resolve("root");
    migrations.forEach((file, sql) ->
        Repository.write(root.resolve("opt/learnflow-db/migrations").resolve(file), sql));
    Path layer = unpacked.resolve("migration.tar");
    run("tar", "-cf", layer.toString(), "--owner=0", "--group=0", "-C", root.toString(), "opt");

    Path manifestFile = unpacked.resolve("manifest.json");
    ObjectNode manifest = manifest(Files.readString(manifestFile));
    manifest.putArray("RepoTags").add(image);
    ((ArrayNode) manifest.get("Layers")).add("migration.tar");
    Files.writeString(manifestFile, "[" + manifest + "]");
    Path configFile = unpacked.resolve(manifest.get("Config").asText());
    ObjectNode config = Serialization.unmarshal(Files.readString(configFile), ObjectNode.class);
    ((ArrayNode) config.at("/rootfs/diff_ids")).add("sha256:" + sha256(layer));
    ((ArrayNode) config.get("history")).addObject().put("created_by", "e2e");
    Files.writeString(configFile, config.toString());
  }

  private static ObjectNode manifest(String text) {
    return (ObjectNode) Serialization.unmarshal(text, ArrayNode.class).get(0);
  }

  private static String sha256(Path file) throws IOException {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String run(String... words) {
    return Command.run(Duration.ofSeconds(180), Map.of(), List.of(words)).successful().output();
  }
}
