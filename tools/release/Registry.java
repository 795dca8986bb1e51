package release;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import lib.Failure;
import lib.Programs;
import lib.Programs.Result;
import lib.Waiting;

/**
 * A registry of images and charts, which crane speaks to.
 *
 * @param address its host and the path below which they are, such as {@code ghcr.io/learnflow}
 */
public record Registry(String address) {
  private static final Path CRANE = Path.of("tools/release/bin/crane");
  private static final Path SERVER = Path.of("tools/release/bin/registry");
  private static final Path SETTINGS = Path.of("tools/release/registry.yml");
  private static final Pattern ON_THIS_MACHINE =
      Pattern.compile("(localhost|127\\.[0-9.]+)(:[0-9]+)?(/.*)?");

  /** GitHub's denies what is not there. */
  private static final Pattern ABSENT =
      Pattern.compile("MANIFEST_UNKNOWN|NAME_UNKNOWN|DENIED|\\b404\\b");

  private static final Duration TIME_TO_START = Duration.ofSeconds(20);

  /** Where the image is. */
  public String image() {
    return address + "/learnflow-db";
  }

  /** Where the chart is. */
  public String chart() {
    return charts() + "/learnflow-db";
  }

  /** Below which the chart is. */
  public String charts() {
    return address + "/charts";
  }

  /** Whether only this machine reaches it, without TLS. */
  public boolean isOnThisMachine() {
    return ON_THIS_MACHINE.matcher(address).matches();
  }

  /**
   * The digest of what a tag or a digest names; empty if it is not there.
   *
   * @throws Failure if the registry does not say
   */
  public static Optional<String> digest(String reference) throws IOException, InterruptedException {
    Result result = Programs.attempt(CRANE.toString(), "digest", reference);
    if (result.isSuccess()) {
      return Optional.of(result.output().strip());
    }
    if (ABSENT.matcher(result.said()).find()) {
      return Optional.empty();
    }
    throw new Failure(result.said().strip());
  }

  /** Runs crane. */
  public static String crane(String... arguments) throws IOException, InterruptedException {
    String[] command = new String[arguments.length + 1];
    command[0] = CRANE.toString();
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    return Programs.run(command).strip();
  }

  /** A process of one, for as long as this is open. */
  public static final class Local implements AutoCloseable {
    private final Process process;
    private final Registry registry;

    /** Starts one over a folder, at a free port of this machine. */
    public Local(Path folder) throws IOException, InterruptedException {
      Files.createDirectories(folder);
      int port;
      try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        port = socket.getLocalPort();
      }
      registry = new Registry("127.0.0.1:" + port + "/learnflow");
      Path log = folder.resolve("registry.log");
      ProcessBuilder server =
          new ProcessBuilder(SERVER.toString(), "serve", SETTINGS.toString())
              .redirectErrorStream(true)
              .redirectOutput(log.toFile());
      server
          .environment()
          .putAll(
              Map.of(
                  "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
                  folder.toAbsolutePath().toString(),
                  "REGISTRY_HTTP_ADDR",
                  "127.0.0.1:" + port,
                  "OTEL_TRACES_EXPORTER",
                  "none"));
      process = server.start();
      Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
      awaitStart(port, log);
    }

    private void awaitStart(int port, Path log) throws IOException, InterruptedException {
      URI answers = URI.create("http://127.0.0.1:" + port + "/v2/");
      Waiting.until(
          TIME_TO_START,
          "the registry, whose log is " + log,
          () -> {
            if (!process.isAlive()) {
              throw new Failure("the registry did not start:\n" + Files.readString(log));
            }
            try (InputStream answer = answers.toURL().openStream()) {
              answer.readAllBytes();
              return true;
            } catch (ConnectException e) {
              return false;
            }
          });
    }

    public Registry registry() {
      return registry;
    }

    @Override
    public void close() {
      process.destroy();
    }
  }
}
