package build;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/**
 * An image with one layer in the format of {@code docker save}; the same files give the same bytes.
 */
final class DockerArchive {
  /** The modification time of every file; 1 January 1970 00:00:01, as Jib has it. */
  private static final String CREATED = "1970-01-01T00:00:01Z";

  private DockerArchive() {}

  static Path write(Definition definition, String architecture, Path root, Path work)
      throws IOException, InterruptedException {
    var content = Files.createDirectory(work.resolve("archive"));
    var layer = content.resolve("layer.tar");
    tar(root, layer);
    var config = config(definition, architecture, "sha256:" + sha256(Files.readAllBytes(layer)));
    var configFile = sha256(config.getBytes(StandardCharsets.UTF_8)) + ".json";
    Files.writeString(content.resolve(configFile), config);
    Files.writeString(
        content.resolve("manifest.json"),
        "[{\"Config\":%s,\"RepoTags\":%s,\"Layers\":[\"layer.tar\"]}]"
            .formatted(quote(configFile), array(List.of(definition.tag()))));
    var archive = work.resolve("image.tar");
    tar(content, archive, "--mode=0644");
    return archive;
  }

  private static void tar(Path folder, Path archive, String... options)
      throws IOException, InterruptedException {
    var command =
        new ArrayList<>(
            List.of(
                "tar",
                "--create",
                "--file=" + archive,
                "--directory=" + folder,
                "--format=gnu",
                "--sort=name",
                "--mtime=" + CREATED,
                "--owner=0",
                "--group=0",
                "--numeric-owner"));
    command.addAll(List.of(options));
    try (var files = Files.list(folder)) {
      files.map(file -> file.getFileName().toString()).sorted().forEach(command::add);
    }
    Host.run(command.toArray(String[]::new));
  }

  private static String config(Definition definition, String architecture, String layer) {
    return """
    {"architecture":%s,"os":"linux","created":%s,\
    "config":{"User":%s,"Env":%s,"Entrypoint":%s,"Cmd":%s,%s"WorkingDir":"/"},\
    "rootfs":{"type":"layers","diff_ids":%s},\
    "history":[{"created":%s,"created_by":%s}]}\
    """
        .formatted(
            quote(architecture),
            quote(CREATED),
            quote(definition.user()),
            array(environment(definition)),
            definition.entrypoint().isEmpty() ? "null" : array(definition.entrypoint()),
            definition.command().isEmpty() ? "null" : array(definition.command()),
            definition.stopSignal().isEmpty()
                ? ""
                : "\"StopSignal\":" + quote(definition.stopSignal()) + ",",
            array(List.of(layer)),
            quote(CREATED),
            quote("tools/images/" + definition.name()));
  }

  private static List<String> environment(Definition definition) {
    return definition.environment().entrySet().stream()
        .map(variable -> variable.getKey() + "=" + variable.getValue())
        .toList();
  }

  private static String array(List<String> values) {
    return values.stream().map(DockerArchive::quote).collect(Collectors.joining(",", "[", "]"));
  }

  private static String quote(String value) {
    return '"' + value.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  private static String sha256(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
