import build.Cache;
import build.Definition;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Failure;
import lib.Tool;

/**
 * Builds container images from Debian packages: {@code java tools/images/Images.java NAME...}.
 * Prints the path of each image's docker-archive on stdout, in the order of the names.
 */
class Images {
  private static final Path DEFINITIONS = Path.of("tools/images");

  private Images() {}

  static void main(String[] names) throws Exception {
    Tool.run(() -> {
      for (var definition : definitions(names)) {
        System.out.println(Cache.archive(definition));
      }
    });
  }

  /** All of them are read before the first is built, so that a wrong name costs no time. */
  private static List<Definition> definitions(String... names) throws IOException {
    if (names.length == 0) {
      throw new Failure(
          "give the names of images, folders of "
              + DEFINITIONS
              + ": "
              + Definition.names(DEFINITIONS));
    }
    var definitions = new ArrayList<Definition>();
    for (var name : names) {
      definitions.add(Definition.load(DEFINITIONS, name));
    }
    return definitions;
  }
}
