package org.learnflow.db.programs;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.Connector;
import org.learnflow.db.connect.DatabaseAddress;

/** Programs on this machine, which reach the server as this process does. */
public final class LocalPrograms implements PostgresPrograms {
  /** Where the packages of Debian and Red Hat install each major version. */
  private static final List<String> PACKAGES = List.of("/usr/lib/postgresql", "/usr");

  private final Path directory;
  private final DatabaseAddress address;
  private final Optional<Password> password;

  /** Programs in {@code directory}. */
  public LocalPrograms(Path directory, DatabaseAddress address, Optional<Password> password) {
    this.directory = directory;
    this.address = address;
    this.password = password;
  }

  /**
   * Looks for a program of a suitable version: in the given directory; otherwise where packages of
   * PostgreSQL install it, and on the PATH. Debian has a wrapper there, whose version depends on
   * the server that it connects to, so of two with the same version the one from the package
   * directory is used.
   *
   * @return the directory with the oldest suitable one
   */
  public static Optional<Path> find(Optional<Path> named, String program, IntPredicate fits) {
    return candidates(named).stream()
        .filter(directory -> Files.isExecutable(directory.resolve(program)))
        .map(directory -> new Found(directory, major(directory.resolve(program))))
        .filter(found -> found.major > 0 && fits.test(found.major))
        .min(Comparator.comparingInt(Found::major))
        .map(Found::directory);
  }

  /** The versions that {@link #find} can choose from, for messages. */
  public static String found(Optional<Path> named, String program) {
    List<String> found =
        candidates(named).stream()
            .map(directory -> directory.resolve(program))
            .filter(Files::isExecutable)
            .collect(
                Collectors.toMap(
                    LocalPrograms::real, path -> path, (first, _) -> first, LinkedHashMap::new))
            .values()
            .stream()
            .map(path -> "%s of version %d".formatted(path, major(path)))
            .toList();
    return found.isEmpty() ? "none was found" : "found: " + String.join(", ", found);
  }

  /** The file behind links, such as that from /bin to /usr/bin. */
  private static Path real(Path file) {
    try {
      return file.toRealPath();
    } catch (IOException e) {
      return file;
    }
  }

  private record Found(Path directory, int major) {}

  private static List<Path> candidates(Optional<Path> named) {
    if (named.isPresent()) {
      return List.of(named.get());
    }
    List<Path> directories = new ArrayList<>();
    for (String packages : PACKAGES) {
      try (DirectoryStream<Path> versions =
          Files.newDirectoryStream(Path.of(packages), "{pgsql-,}[0-9]*")) {
        versions.forEach(version -> directories.add(version.resolve("bin")));
      } catch (IOException e) {
        // Nothing is installed there.
      }
    }
    Stream.of(Optional.ofNullable(System.getenv("PATH")).orElse("").split(File.pathSeparator, -1))
        .filter(text -> !text.isEmpty())
        .forEach(text -> directories.add(Path.of(text)));
    return directories;
  }

  private static int major(Path program) {
    try {
      Process process =
          new ProcessBuilder(words(program, List.of("--version")))
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
              .start();
      String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor() == 0 ? PostgresPrograms.major(answer) : 0;
    } catch (IOException e) {
      return 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 0;
    }
  }

  @Override
  public String place() {
    return "this machine";
  }

  @Override
  public String version(String program) {
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    try {
      run(List.of(program, "--version"), Input.none(), answer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return PostgresPrograms.versionIn(answer.toString(StandardCharsets.UTF_8)).orElse("unknown");
  }

  @Override
  public PlacedFile place(String name, byte[] content) throws IOException {
    Path file = Files.createTempFile(name, "");
    // Even if a signal ends the process; only a kill leaves it.
    file.toFile().deleteOnExit();
    try {
      Files.write(file, content);
    } catch (IOException e) {
      Files.deleteIfExists(file);
      throw e;
    }
    return new PlacedFile() {
      @Override
      public String path() {
        return file.toString();
      }

      @Override
      public void close() {
        try {
          Files.deleteIfExists(file);
        } catch (IOException e) {
          // It is deleted with the process.
        }
      }
    };
  }

  @Override
  public Ended run(List<String> command, Input input, OutputStream output) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            words(directory.resolve(command.getFirst()), command.subList(1, command.size())));
    environment(builder);
    Process process = builder.start();
    try {
      CompletableFuture<String> errors = inBackground(() -> tail(process.getErrorStream()));
      CompletableFuture<Optional<IOException>> feeding =
          inBackground(() -> feed(input, process.getOutputStream()));
      process.getInputStream().transferTo(output);
      int exitCode = process.waitFor();
      Optional<IOException> unread = feeding.join();
      if (unread.isPresent()) {
        throw unread.get();
      }
      return new Ended(exitCode, errors.join());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.of(ExitCode.FAILED, "interrupted").causedBy(e);
    } finally {
      process.destroy();
    }
  }

  /**
   * Programs that were copied from another image come with its dynamic loader and libraries, in the
   * same directory (the chart's {@code copy-programs.sh}).
   */
  private static List<String> words(Path program, List<String> arguments) {
    List<String> words = new ArrayList<>();
    Path loader = program.resolveSibling("loader");
    if (Files.isExecutable(loader)) {
      words.addAll(
          List.of(loader.toString(), "--library-path", String.valueOf(loader.getParent())));
    }
    words.add(program.toString());
    words.addAll(arguments);
    return words;
  }

  private void environment(ProcessBuilder builder) {
    var environment = builder.environment();
    environment.keySet().removeIf(name -> name.startsWith("PG"));
    environment.put("LC_ALL", "C");
    environment.put("PGHOST", address.host());
    environment.put("PGPORT", String.valueOf(address.port()));
    environment.put("PGUSER", address.user());
    environment.put("PGSSLMODE", address.sslMode().text());
    address.rootCertificate().ifPresent(file -> environment.put("PGSSLROOTCERT", file.toString()));
    if (!address.sslMode().verifies()) {
      environment.put("PGREQUIREAUTH", Connector.NO_CLEAR_PASSWORD);
    }
    environment.put("PGAPPNAME", Connector.APPLICATION_NAME);
    environment.put("PGCONNECT_TIMEOUT", "10");
    password.ifPresent(known -> environment.put("PGPASSWORD", known.value()));
  }

  /** Reports input that cannot be read; it is no error if the program stops reading. */
  private static Optional<IOException> feed(Input input, OutputStream stdin) {
    try (stdin) {
      byte[] buffer = new byte[1 << 16];
      for (long left = input.bytes(); left > 0; ) {
        int read;
        try {
          read = input.stream().read(buffer, 0, (int) Math.min(buffer.length, left));
        } catch (IOException e) {
          return Optional.of(e);
        }
        if (read < 0) {
          break;
        }
        stdin.write(buffer, 0, read);
        left -= read;
      }
    } catch (IOException e) {
      // Its exit code says why.
    }
    return Optional.empty();
  }

  private static String tail(InputStream stderr) {
    ErrorTail tail = new ErrorTail();
    try (stderr) {
      stderr.transferTo(tail);
    } catch (IOException e) {
      // It has ended.
    }
    return tail.text();
  }

  private static <T> CompletableFuture<T> inBackground(java.util.function.Supplier<T> work) {
    return CompletableFuture.supplyAsync(work, task -> Thread.ofVirtual().start(task));
  }
}
