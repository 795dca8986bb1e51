package check;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;

/**
 * An image, unpacked.
 *
 * @param folder for bundles and volumes, deleted at the end
 */
public record Image(Path folder, Path rootfs, List<String> entrypoint, List<String> environment) {
  /**
   * Unpacks the archive that {@code Images.java} built; what starts in it is read from its
   * definition.
   */
  public static Image unpack(Path archive, Path definition, Path folder)
      throws IOException, InterruptedException {
    var rootfs = Files.createDirectories(folder.resolve("rootfs"));
    var layers =
        ProcessBuilder.startPipeline(
            List.of(
                new ProcessBuilder("tar", "-xOf", archive.toString(), "layer.tar"),
                new ProcessBuilder("tar", "-xpf", "-", "-C", rootfs.toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)));
    if (layers.getLast().waitFor() != 0) {
      throw new AssertionError("could not unpack " + archive);
    }
    var properties = new Properties();
    try (var content = Files.newBufferedReader(definition.resolve("image.properties"))) {
      properties.load(content);
    }
    var environment =
        properties.stringPropertyNames().stream()
            .filter(name -> name.startsWith("env."))
            .map(name -> name.substring("env.".length()) + "=" + properties.getProperty(name))
            .toList();
    var entrypoint = properties.getProperty("entrypoint", "").strip();
    return new Image(
        folder,
        rootfs,
        entrypoint.isEmpty() ? List.of() : List.of(entrypoint.split("\\s+")),
        environment);
  }
}
