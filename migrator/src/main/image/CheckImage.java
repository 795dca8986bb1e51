import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import lib.Programs;

/**
 * Looks at the finished image: prints its layers, compares what it holds with {@code contents.txt},
 * and runs it from its own root directory, with the AOT cache (which the JVM must not refuse) and
 * without it.
 *
 * <p>Class path: dist/lib/learnflow-db.jar and dist/lib/embedded/*. Arguments: IMAGE (a tar), ROOT
 * (a directory to unpack it into, created again) and, to write {@code contents.txt} instead, {@code
 * accept}. Run in the repository's root.
 */
final class CheckImage {
  private static final long MOST_BYTES = 75_000_000;
  private static final int NOT_REACHED = 4;
  private static final String HOME = "/opt/learnflow-db";
  private static final Path CONTENTS = Path.of("migrator/src/main/image/contents.txt");

  private CheckImage() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    Path root = Path.of(arguments[1]).toAbsolutePath();
    Staging.delete(root);
    ImageArchive image = ImageArchive.unpack(Path.of(arguments[0]), Files.createDirectories(root));
    List<String> found = contents(image, root);
    if (arguments.length > 2) {
      Files.write(CONTENTS, found);
    }
    compare(Files.readAllLines(CONTENTS), found);
    if (image.bytes() > MOST_BYTES) {
      throw new IllegalStateException("the image is larger than " + MOST_BYTES + " bytes");
    }
    List<String> cached = List.of("-XX:AOTMode=on", "-XX:AOTCache=" + HOME + "/learnflow-db.aot");
    String log = start(root, 0, with(cached, "-Xlog:class+load,aot"), "--version");
    if (!log.contains("org.learnflow.db.cli.Main source: shared objects file")) {
      throw new IllegalStateException("the JVM does not take the program from the cache:\n" + log);
    }
    List<String> uncached = List.of("-XX:AOTCache=/nonexistent");
    start(root, 0, uncached, "--version");
    // Far enough to have read its migrations, and not found a server.
    String[] migrate = {"migrate", "--database", "postgresql://u@127.0.0.1:1/d", "--timeout", "0"};
    start(root, NOT_REACHED, cached, migrate);
    start(root, NOT_REACHED, uncached, migrate);
    System.err.println("image    starts with its AOT cache, and without one");
    System.out.printf(
        """

        docker:  docker load -i %1$s
        kind:    kind load image-archive %1$s
        push:    make image-push REGISTRY=ghcr.io/you
        name:    ghcr.io/learnflow/learnflow-db:%2$s
        """,
        arguments[0], System.getenv("VERSION"));
  }

  private static List<String> contents(ImageArchive image, Path root) throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add("# What the image holds; generated: make image ACCEPT=1. Sizes: compressed kB.");
    for (ImageArchive.Layer layer : image.layers()) {
      System.out.printf(
          "%-10s %8.1f MB  sha256:%s%n", layer.name(), layer.bytes() / 1e6, layer.digest());
      lines.add("layer %s %d".formatted(layer.name(), layer.bytes() / 1000));
    }
    System.out.printf("%-10s %8.1f MB%n", "all", image.bytes() / 1e6);
    String release = Files.readString(root.resolve("opt/learnflow-db/jre/release"));
    for (String module : release.replaceFirst("(?s).*MODULES=\"([^\"]*)\".*", "$1").split(" ")) {
      lines.add("module " + module);
    }
    image.layers().stream()
        .flatMap(layer -> layer.files().stream())
        .filter(file -> file.endsWith(".jar"))
        .sorted()
        .forEach(file -> lines.add("jar " + file));
    return lines;
  }

  /** Other names are an error; other sizes are only told. */
  private static void compare(List<String> before, List<String> now) {
    TreeSet<String> unexpected = names(now);
    unexpected.removeAll(names(before));
    TreeSet<String> missing = names(before);
    missing.removeAll(names(now));
    for (String line : now) {
      if (line.startsWith("layer ")) {
        before.stream()
            .filter(other -> name(other).equals(name(line)) && differs(size(other), size(line)))
            .forEach(other -> System.err.println("image    was: " + other + " kB, is: " + line));
      }
    }
    if (!unexpected.isEmpty() || !missing.isEmpty()) {
      throw new IllegalStateException(
          "the image holds other things than contents.txt says: new %s, gone %s; if that is meant: make image ACCEPT=1"
              .formatted(unexpected, missing));
    }
  }

  /** By more than 2 %, which is more than two trainings of a cache differ by. */
  private static boolean differs(long before, long now) {
    return Math.abs(now - before) * 50 > before;
  }

  private static long size(String line) {
    return Long.parseLong(line.replaceFirst(".* ", ""));
  }

  private static TreeSet<String> names(List<String> lines) {
    return new TreeSet<>(lines.stream().map(CheckImage::name).toList());
  }

  private static String name(String line) {
    return line.startsWith("layer ") ? line.replaceFirst(" \\d+$", "") : line;
  }

  private static List<String> with(List<String> flags, String more) {
    return Stream.concat(flags.stream(), Stream.of(more)).toList();
  }

  private static String start(Path root, int expected, List<String> flags, String... arguments)
      throws IOException, InterruptedException {
    Path proc = Files.createDirectories(root.resolve("proc"));
    List<String> command =
        new ArrayList<>(
            List.of("unshare", "--map-root-user", "--pid", "--fork", "--mount-proc=" + proc));
    command.addAll(List.of("chroot", root.toString(), HOME + "/jre/bin/java"));
    command.add("@" + HOME + "/jvm.options");
    command.addAll(flags);
    command.addAll(List.of("-cp", HOME + "/lib/learnflow-db.jar", "org.learnflow.db.cli.Main"));
    command.addAll(List.of(arguments));
    Programs.Result result = Programs.attempt(new ProcessBuilder(command));
    if (result.exit() != expected) {
      throw new IllegalStateException(
          "%s ended with exit code %d:%n%s"
              .formatted(String.join(" ", command), result.exit(), result.said()));
    }
    return result.said();
  }
}
