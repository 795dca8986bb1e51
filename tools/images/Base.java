import build.Cache;
import build.Definition;
import java.nio.file.Path;
import lib.Programs;
import lib.Tool;

/**
 * The base of the migrator's image: prints what Maven is to be given instead of the default of the
 * pom, with {@code |} between the words. Run in the repository's root: {@code java
 * tools/images/Base.java}, with IMAGE_BASE in the environment: distroless, the default of the pom,
 * or debian, made of Debian's packages; without it debian where the other's registry does not
 * answer.
 */
final class Base {
  private static final Path DEFINITIONS = Path.of("tools/images");

  private Base() {}

  static void main() throws Exception {
    Tool.run(() -> {
      String base = System.getenv().getOrDefault("IMAGE_BASE", "");
      if (base.isEmpty()) {
        base = registryAnswers() ? "distroless" : "debian";
      }
      System.err.println("image    building on " + base);
      if (base.equals("debian")) {
        Path archive = Cache.archive(Definition.load(DEFINITIONS, "base"));
        System.out.printf("-Dimage.base=tar://%s|-Dimage.base.name=learnflow.test/base%n", archive);
      }
    });
  }

  private static boolean registryAnswers() throws Exception {
    return Programs.find("curl").isPresent()
        && Programs.succeeds("curl", "-s", "-o", "/dev/null", "-m", "5", "https://gcr.io/v2/");
  }
}
