package org.learnflow.db.publish;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;

/**
 * A file of {@code KEY=value} lines, mode 0600, replaced atomically. A value is quoted for a POSIX
 * shell, and only if it has to be, so that {@code docker --env-file}, which does not support
 * quotes, reads generated passwords too. The authority's certificate is written into a file beside
 * it, since it has several lines.
 *
 * @param file the file
 */
public record EnvFileTarget(Path file) implements PublishTarget {
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rw-------");

  /** Without ~, which a shell expands at the start of a value and after a colon. */
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./:@%?=+,-]*");

  /** A file has room for one connection: the first. */
  @Override
  public String publish(List<PublishedConnection> connections, String schemaVersion) {
    PublishedConnection connection = connections.getFirst();
    Map<String, String> keys = new LinkedHashMap<>(connection.secretEnvironment());
    keys.putAll(connection.openEnvironment(schemaVersion));
    Map<Path, String> files = new LinkedHashMap<>();
    connection
        .certificate()
        .ifPresent(pem -> {
          Path certificate = Path.of(file.toAbsolutePath() + ".crt");
          files.put(certificate, pem);
          keys.put("PGSSLROOTCERT", certificate.toString());
        });
    files.put(
        file,
        keys.entrySet().stream()
            .map(entry -> entry.getKey() + "=" + quoted(entry.getValue()) + "\n")
            .collect(Collectors.joining()));
    try {
      boolean written = false;
      for (Map.Entry<Path, String> each : files.entrySet()) {
        if (!isUnchanged(each.getKey(), each.getValue())) {
          write(each.getKey(), each.getValue());
          written = true;
        }
      }
      return file + (written ? " written" : " unchanged");
    } catch (IOException e) {
      throw Failure.of(
              ExitCode.PUBLISHING_FAILED, "the connection could not be written: " + Reason.of(e))
          .where(file.toString())
          .state("the database is ready; the file is unchanged")
          .next("specify a writable path and run: learnflow-db publish --publish-to file:PATH")
          .causedBy(e);
    }
  }

  /** Unknown, so it is written again. */
  @Override
  public boolean isPublished(List<PublishedConnection> connections, String schemaVersion) {
    return false;
  }

  @Override
  public String place() {
    return file.toString();
  }

  private static boolean isUnchanged(Path file, String text) throws IOException {
    return Files.isRegularFile(file)
        && Files.getPosixFilePermissions(file).equals(OWNER_ONLY)
        && Files.size(file) == text.getBytes(StandardCharsets.UTF_8).length
        && new String(Files.readAllBytes(file), StandardCharsets.UTF_8).equals(text);
  }

  private static void write(Path file, String text) throws IOException {
    Path directory = file.toAbsolutePath().getParent();
    if (directory == null || Files.isDirectory(file)) {
      throw new FileSystemException(file.toString(), null, "it is a folder");
    }
    if (!Files.isDirectory(directory)) {
      throw new FileSystemException(directory.toString(), null, "the folder does not exist");
    }
    Path fresh =
        Files.createTempFile(
            directory, ".env-", ".tmp", PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    try {
      Files.writeString(fresh, text);
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  private static String quoted(String value) {
    return PLAIN.matcher(value).matches() ? value : "'" + value.replace("'", "'\\''") + "'";
  }
}
