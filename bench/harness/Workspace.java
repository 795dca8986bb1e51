package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import lib.Cached;

/** A temporary folder that is gone when the program ends. */
public final class Workspace {
  private Workspace() {}

  public static Path create() throws IOException {
    var folder = Files.createTempDirectory("learnflow-db-bench");
    Runtime.getRuntime().addShutdownHook(new Thread(() -> Cached.delete(folder)));
    return folder;
  }
}
