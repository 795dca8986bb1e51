package build;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;
import lib.Failure;

/**
 * One image, as its folder describes it; the README lists what a folder may hold.
 *
 * @param name of the folder
 * @param folder with {@code image.properties}, and maybe {@code rootfs} and {@code customize}
 * @param properties content of {@code image.properties}
 */
public record Definition(String name, Path folder, Map<String, String> properties) {
  private static final String FILE = "image.properties";

  public static Definition load(Path definitions, String name) throws IOException {
    var folder = definitions.resolve(name);
    var file = folder.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      throw new Failure(
          "there is no image '%s' in %s; there are %s"
              .formatted(name, definitions, names(definitions)));
    }
    var read = new Properties();
    try (var content = Files.newBufferedReader(file)) {
      read.load(content);
    }
    var properties = new TreeMap<String, String>();
    read.forEach((key, value) -> properties.put((String) key, ((String) value).strip()));
    return new Definition(name, folder, properties);
  }

  public static List<String> names(Path definitions) throws IOException {
    if (!Files.isDirectory(definitions)) {
      throw new Failure(definitions + " was not found: run this from the root of the repository");
    }
    try (var folders = Files.list(definitions)) {
      return folders
          .filter(folder -> Files.isRegularFile(folder.resolve(FILE)))
          .map(folder -> folder.getFileName().toString())
          .sorted()
          .toList();
    }
  }

  String tag() {
    return required("tag");
  }

  /** Debian packages; those they depend on come along. None makes an empty root file system. */
  List<String> packages() {
    return words("packages");
  }

  /**
   * Programs of this machine that {@code customize} runs, with the Debian packages that bring them.
   */
  Map<String, String> needs() {
    return withPrefix("needs.");
  }

  /** Files of {@code common}, such as passwd, belong into every image with Debian packages. */
  List<Path> overlays() {
    var common = folder.resolveSibling("common");
    var own = folder.resolve("rootfs");
    return Stream.of(common, own)
        .filter(overlay -> overlay.equals(own) || !packages().isEmpty())
        .filter(Files::isDirectory)
        .toList();
  }

  boolean keeps(Path absolute) {
    return (!properties.containsKey("keep") || matches("keep", absolute))
        && !matches("drop", absolute);
  }

  private boolean matches(String key, Path absolute) {
    return words(key).stream().map(Definition::glob).anyMatch(glob -> glob.matches(absolute));
  }

  private static PathMatcher glob(String pattern) {
    return FileSystems.getDefault().getPathMatcher("glob:" + pattern);
  }

  List<String> entrypoint() {
    return words("entrypoint");
  }

  List<String> command() {
    return words("command");
  }

  /** Empty for a runtime's own, SIGTERM. */
  String stopSignal() {
    return properties.getOrDefault("stopsignal", "");
  }

  String user() {
    return required("user");
  }

  Map<String, String> environment() {
    return withPrefix("env.");
  }

  private Map<String, String> withPrefix(String prefix) {
    var found = new TreeMap<String, String>();
    properties.forEach((key, value) -> {
      if (key.startsWith(prefix)) {
        found.put(key.substring(prefix.length()), value);
      }
    });
    return found;
  }

  private List<String> words(String key) {
    var value = properties.getOrDefault(key, "");
    return value.isEmpty() ? List.of() : List.of(value.split("\\s+"));
  }

  private String required(String key) {
    var value = properties.get(key);
    if (value == null) {
      throw new Failure(folder.resolve(FILE) + " must set " + key);
    }
    return value;
  }
}
