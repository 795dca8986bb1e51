package org.learnflow.db.connect;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Set;
import org.learnflow.db.Password;
import org.learnflow.db.WholeFile;

/**
 * Generated passwords, one file (mode 0600) for each role, created on first use; callers take turns
 * (see {@link EmbeddedServer#start}).
 *
 * @param path the directory
 */
public record PasswordDirectory(Path path) {
  private static final String ALPHABET =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

  private static final int LENGTH = 32;

  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  /** The file that holds the password of {@code role}; its name is percent-encoded. */
  public Path file(String role) {
    return path.resolve(PercentEncoding.encode(role).replaceFirst("^\\.", "%2E"));
  }

  /** The password of {@code role}; a new one of 32 letters and digits if there is none. */
  public Password getOrCreate(String role) {
    try {
      Path file = file(role);
      if (!Files.exists(file)) {
        Files.createDirectories(path);
        Path fresh = Files.createTempFile(path, "new-", "", OWNER_ONLY);
        Files.writeString(fresh, generate().value());
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
      }
      return Password.ofFile(WholeFile.PASSWORD.text(file))
          .orElseThrow(() -> new IOException("it is empty"));
    } catch (IOException e) {
      throw new UncheckedIOException("password file " + file(role), e);
    }
  }

  /** A new password from a cryptographic source. */
  public static Password generate() {
    SecureRandom random = new SecureRandom();
    StringBuilder text = new StringBuilder(LENGTH);
    for (int i = 0; i < LENGTH; i++) {
      text.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
    }
    return new Password(text.toString());
  }
}
