package check;

import static check.Promise.require;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** The images of the examples' services, and the one that waits. */
public final class SmallImagesCheck {
  private final Image python;
  private final Image node;
  private final Image java;
  private final Image pause;

  public SmallImagesCheck(Image python, Image node, Image java, Image pause) {
    this.python = python;
    this.node = node;
    this.java = java;
    this.pause = pause;
  }

  public List<Promise> promises() {
    return List.of(
        new Promise("python: imports what a service with asyncpg needs", this::pythonImports),
        new Promise("node: finds node-postgres", () ->
            says(node, "uid 1001 function", "-e", "console.log('uid', process.getuid(), typeof require('pg').Pool)")),
        new Promise("java: runs", () -> says(java, "OpenJDK", "--version")),
        new Promise("pause: SIGTERM ends it", this::pauseEnds));
  }

  private void pythonImports() throws IOException, InterruptedException {
    try (var container =
        Container.start(
            python,
            Map.of(),
            Map.of("/tmp", ""),
            "-c",
            "import asyncio, asyncpg, http.server, json, logging, os, signal, ssl,"
                + " urllib.request;from zoneinfo import ZoneInfo; ZoneInfo('Europe/Berlin');"
                + " ssl.create_default_context();print('uid', os.getuid(), asyncpg.__version__)")) {
      int exit = container.waitFor(Duration.ofSeconds(20));
      require(exit == 0 && container.log().contains("uid 1001"), container.log());
    }
  }

  private static void says(Image image, String text, String... command)
      throws IOException, InterruptedException {
    try (var container = Container.start(image, Map.of(), Map.of("/tmp", ""), command)) {
      int exit = container.waitFor(Duration.ofSeconds(20));
      require(exit == 0 && container.log().contains(text), container.log());
    }
  }

  private void pauseEnds() throws IOException, InterruptedException {
    try (var container = Container.start(pause, Map.of(), Map.of())) {
      Thread.sleep(1000);
      require(container.isRunning(), "it ended by itself: " + container.log());
      var time = container.stop("TERM");
      require(time.compareTo(Duration.ofSeconds(1)) < 0, "it took " + time);
    }
  }
}
