import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * Fails where the image has other layers when it is built again: {@code java
 * tools/Reproducible.java LAYERS COMMAND...}, of which LAYERS is the file that lists them, and
 * COMMAND builds the image. The layer of the AOT cache is another one each time.
 */
final class Reproducible {
  private Reproducible() {}

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Path file = Path.of(arguments[0]);
      List<String> before = layers(file);
      Programs.run(Arrays.asList(arguments).subList(1, arguments.length));
      List<String> after = layers(file);
      if (!before.equals(after)) {
        throw new Failure(
            "other layers the second time; the first:%n%s%nthe second:%n%s"
                .formatted(String.join("\n", before), String.join("\n", after)));
      }
      System.out.println("the same layers twice");
    });
  }

  private static List<String> layers(Path file) throws IOException {
    return Files.readAllLines(file).stream()
        .filter(line -> !line.startsWith("aot-cache") && !line.startsWith("all"))
        .toList();
  }
}
