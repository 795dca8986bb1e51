import build.Cache;
import build.Definition;
import check.BaseCheck;
import check.PostgresqlCheck;
import check.Promise;
import check.SmallImagesCheck;
import check.StartScriptCheck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * Runs the images with runc, without Kubernetes, and checks what they promise: {@code java
 * tools/images/Check.java}.
 */
class Check {
  private static final Path DEFINITIONS = Path.of("tools/images");

  private Check() {}

  static void main(String[] arguments) throws Exception {
    Tool.run(Check::checkAll);
  }

  private static void checkAll() throws IOException, InterruptedException {
    if (!"root".equals(System.getProperty("user.name")) || Programs.find("runc").isEmpty()) {
      throw new Failure(
          "the images were not checked: that needs root and runc; run: apt-get install runc");
    }
    var folder = Files.createTempDirectory("learnflow-db-images-check");
    Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(folder)));
    var failed = new ArrayList<String>();
    int passed = 0;
    for (var promise : promises(folder)) {
      if (promise.isKept(System.err)) {
        passed++;
      } else {
        failed.add(promise.sentence());
      }
    }
    System.out.printf("%d passed, %d failed%n", passed, failed.size());
    System.exit(failed.isEmpty() ? 0 : 1);
  }

  private static void delete(Path folder) {
    try {
      Programs.run("rm", "-rf", folder.toString());
    } catch (Failure | IOException | InterruptedException e) {
      System.err.println("could not delete " + folder + ": " + e.getMessage());
    }
  }

  private static List<Promise> promises(Path folder) throws IOException, InterruptedException {
    var promises = new ArrayList<Promise>();
    promises.addAll(new BaseCheck(unpack("base", folder)).promises());
    promises.addAll(
        new SmallImagesCheck(
                unpack("python", folder),
                unpack("node", folder),
                unpack("java", folder),
                unpack("pause", folder))
            .promises());
    var bitnami = unpack("postgresql-bitnami", folder);
    promises.addAll(new PostgresqlCheck(bitnami).promises());
    promises.addAll(new StartScriptCheck(unpack("postgresql", folder), bitnami).promises());
    return promises;
  }

  private static check.Image unpack(String name, Path folder)
      throws IOException, InterruptedException {
    return check.Image.unpack(
        Cache.archive(Definition.load(DEFINITIONS, name)),
        DEFINITIONS.resolve(name),
        folder.resolve(name));
  }
}
