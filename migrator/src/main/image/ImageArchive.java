import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarFile;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;

/**
 * An image as Jib's buildTar leaves it, which is docker's format with compressed layers.
 *
 * @param layers lowest first
 */
record ImageArchive(List<Layer> layers) {

  /**
   * A layer.
   *
   * @param digest of the compressed bytes, SHA-256 in hexadecimal digits
   * @param bytes compressed size
   * @param files paths of its files, in order
   */
  record Layer(String digest, long bytes, List<String> files) {

    /** What the layer is for, told from what it holds. */
    String name() {
      String prefix = "opt/learnflow-db/";
      if (files.stream().noneMatch(file -> file.startsWith(prefix))) {
        return "base";
      }
      return holds(prefix + "learnflow-db.aot")
          ? "aot-cache"
          : holds(prefix + "lib/learnflow-db.jar")
              ? "program"
              : holds(prefix + "jre/release") ? "runtime" : "libraries";
    }

    private boolean holds(String file) {
      return files.contains(file);
    }
  }

  /**
   * Reads an archive and unpacks it.
   *
   * @param root directory to unpack into
   */
  static ImageArchive unpack(Path archive, Path root) throws IOException {
    try (TarFile tar = new TarFile(archive)) {
      List<Layer> layers = new ArrayList<>();
      for (JsonNode layer : json(tar, "manifest.json").get(0).get("Layers")) {
        TarArchiveEntry entry = entry(tar, layer.asText());
        layers.add(
            new Layer(
                layer.asText().replaceFirst("\\..*", ""),
                entry.getSize(),
                unpackLayer(tar.getInputStream(entry), root)));
      }
      return new ImageArchive(layers);
    }
  }

  long bytes() {
    return layers.stream().mapToLong(Layer::bytes).sum();
  }

  private static List<String> unpackLayer(InputStream compressed, Path root) throws IOException {
    List<String> files = new ArrayList<>();
    try (TarArchiveInputStream layer =
        new TarArchiveInputStream(
            new GzipCompressorInputStream(new BufferedInputStream(compressed)))) {
      for (TarArchiveEntry entry = layer.getNextEntry();
          entry != null;
          entry = layer.getNextEntry()) {
        String name = entry.getName().replaceFirst("^\\.?/+", "");
        Path file = root.resolve(name).normalize();
        if (!file.startsWith(root)) {
          throw new IOException("the image holds a path outside of it: " + entry.getName());
        }
        if (entry.isDirectory()) {
          Files.createDirectories(file);
          continue;
        }
        Files.createDirectories(file.getParent());
        Files.deleteIfExists(file);
        if (entry.isSymbolicLink()) {
          Files.createSymbolicLink(file, Path.of(entry.getLinkName()));
        } else if (entry.isLink()) {
          Files.createLink(file, root.resolve(entry.getLinkName()));
        } else {
          Files.copy(layer, file);
          Files.setPosixFilePermissions(
              file, PosixFilePermissions.fromString(permissions(entry.getMode())));
          Files.setLastModifiedTime(file, entry.getLastModifiedTime());
        }
        files.add(name);
      }
    }
    return files;
  }

  private static String permissions(int mode) {
    StringBuilder text = new StringBuilder("rwxrwxrwx");
    for (int bit = 0; bit < 9; bit++) {
      if ((mode >> (8 - bit) & 1) == 0) {
        text.setCharAt(bit, '-');
      }
    }
    return text.toString();
  }

  private static JsonNode json(TarFile tar, String name) throws IOException {
    try (InputStream in = tar.getInputStream(entry(tar, name))) {
      return new ObjectMapper().readTree(in);
    }
  }

  private static TarArchiveEntry entry(TarFile tar, String name) throws IOException {
    return tar.getEntries().stream()
        .filter(entry -> entry.getName().equals(name))
        .findFirst()
        .orElseThrow(() -> new IOException("the archive has no " + name));
  }
}
