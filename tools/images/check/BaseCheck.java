package check;

import static check.Promise.require;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The base image has what this machine's Java runtime needs, and nothing to run but that. */
public final class BaseCheck {
  private final Image image;

  public BaseCheck(Image image) {
    this.image = image;
  }

  public List<Promise> promises() {
    return List.of(
        new Promise("base: Java runs and knows certificates, time zones and names", this::javaRuns),
        new Promise("base: there is no program in it", this::noProgram));
  }

  private void javaRuns() throws IOException, InterruptedException {
    var program =
        Files.writeString(
            image.folder().resolve("Probe.java"),
            """
            import java.io.FileInputStream;
            import java.security.cert.CertificateFactory;

            class Probe {
              static void main() throws Exception {
                try (var bundle = new FileInputStream(System.getenv("SSL_CERT_FILE"))) {
                  System.out.println("certificates "
                      + CertificateFactory.getInstance("X.509").generateCertificates(bundle).size());
                }
                System.out.println("zone " + new java.io.File("/usr/share/zoneinfo/Europe/Berlin").length());
                System.out.println("user " + System.getProperty("user.name"));
                System.out.println("host " + java.net.InetAddress.getByName("127.0.0.1").getHostAddress());
              }
            }
            """);
    try (var container =
        Container.start(
            image,
            Map.of(),
            Map.of(
                "/java",
                System.getProperty("java.home"),
                "/probe",
                image.folder().toString(),
                "/tmp",
                ""),
            "/java/bin/java",
            "/probe/" + program.getFileName())) {
      int exit = container.waitFor(Duration.ofSeconds(60));
      var log = container.log();
      require(exit == 0, log);
      require(log.matches("(?s).*certificates 1\\d\\d.*"), log);
      require(log.matches("(?s).*zone [1-9]\\d*.*"), log);
      require(log.contains("user learnflow") && log.contains("host 127.0.0.1"), log);
    }
  }

  private void noProgram() throws IOException {
    try (Stream<Path> files = Files.walk(image.rootfs())) {
      var programs =
          files
              .filter(file -> Files.isRegularFile(file) && Files.isExecutable(file))
              .filter(file -> !file.getFileName().toString().contains(".so"))
              .toList();
      require(programs.isEmpty(), programs);
    }
  }
}
