package org.learnflow.db.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * An S3-compatible store on 127.0.0.1, versitygw, which keeps each bucket as a folder and each
 * object as a file.
 */
public final class S3Server implements AutoCloseable {
  /** The secret key, which no output may contain. */
  public static final String SECRET = "secret-of-the-store";

  /** Name of its bucket. */
  public static final String BUCKET = "backups";

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Process process;
  private final Path folder;
  private final String address;

  private S3Server(Process process, Path folder, String address) {
    this.process = process;
    this.folder = folder;
    this.address = address;
  }

  private static Path program() {
    return TestFiles.repository().resolve("tools/bin/versitygw");
  }

  /** Skips the test, with a line that says why, where there is none. */
  public static void require() {
    boolean here = Files.isExecutable(program());
    if (!here) {
      System.out.println(
          "not tried with an S3 server: there is none here (make tools/bin/versitygw builds it)");
    }
    assumeTrue(here, "there is no S3 server");
  }

  /**
   * Starts one with an empty bucket.
   *
   * @param folder for its files, new or empty
   * @param options such as {@code --cert FILE}, which makes it speak TLS
   */
  public static S3Server start(Path folder, String... options) {
    require();
    try {
      Path data = Files.createDirectories(folder.resolve("data"));
      Files.createDirectories(data.resolve(BUCKET));
      Path sidecar = Files.createDirectories(folder.resolve("metadata"));
      int port = LocalPorts.free();
      List<String> command = new ArrayList<>(List.of(program().toString()));
      command.addAll(List.of("--port", "127.0.0.1:" + port, "--quiet"));
      command.addAll(List.of(options));
      command.addAll(List.of("posix", "--sidecar", sidecar.toString(), data.toString()));
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(folder.resolve("versitygw.log").toFile());
      builder.environment().put("ROOT_ACCESS_KEY", "learnflow");
      builder.environment().put("ROOT_SECRET_KEY", SECRET);
      S3Server server =
          new S3Server(
              builder.start(),
              folder,
              (List.of(options).contains("--cert") ? "https" : "http") + "://127.0.0.1:" + port);
      Eventually.within(
          PATIENCE, "the S3 server answers, see " + folder, () -> LocalPorts.answers(port));
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The program with this store's address and credentials. */
  public Cli cli(Cli program) {
    return program
        .with("AWS_ENDPOINT_URL_S3", address)
        .with("AWS_ACCESS_KEY_ID", "learnflow")
        .with("AWS_SECRET_ACCESS_KEY", SECRET);
  }

  /** The file of an object; it need not exist. */
  public Path object(String key) {
    return folder.resolve("data").resolve(BUCKET).resolve(key);
  }

  /** {@code s3://backups/KEY}. */
  public static String uri(String key) {
    return "s3://%s/%s".formatted(BUCKET, key);
  }

  /** The keys of all objects, sorted. */
  public List<String> keys() {
    Path bucket = object("");
    try (var files = Files.walk(bucket)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> bucket.relativize(file).toString())
          .filter(key -> !key.startsWith("."))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Folders with the parts of objects that are not complete. */
  public List<Path> incomplete() {
    Path parts = object(".sgwtmp");
    if (!Files.isDirectory(parts)) {
      return List.of();
    }
    try (var files = Files.walk(parts)) {
      return files.filter(Files::isRegularFile).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().join();
  }
}
