package org.learnflow.db.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.certificates.Authorities;
import org.learnflow.db.certificates.Pair;

/**
 * The certificates of a server as the program issues them, in the files that it reads.
 *
 * @param directory with tls.crt and tls.key of the server, and ca.crt
 */
public record ServerTls(Path directory, Authorities authorities) {
  /** What the server's certificate is for. */
  public static final List<String> NAMES = List.of("localhost", "127.0.0.1");

  /** Issues them in a new directory. */
  public static ServerTls in(Path directory) {
    Instant now = Instant.now();
    ServerTls tls = new ServerTls(directory, Authorities.create(Optional.empty(), now));
    TestFiles.write(tls.authority(), tls.authorities.bundle());
    tls.show(tls.authorities.issue(NAMES, now));
    return tls;
  }

  /** Writes what the server shows from its next start or reload on. */
  public void show(Pair pair) {
    TestFiles.write(directory.resolve("tls.crt"), pair.certificate());
    Path key = TestFiles.write(directory.resolve("tls.key"), pair.key());
    try {
      Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-------"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What clients trust. */
  public Path authority() {
    return directory.resolve("ca.crt");
  }

  /** Settings of a server that speaks TLS with them. */
  public String[] settings() {
    return new String[] {
      "ssl = on",
      "ssl_min_protocol_version = 'TLSv1.3'",
      "ssl_cert_file = '" + directory.resolve("tls.crt") + "'",
      "ssl_key_file = '" + directory.resolve("tls.key") + "'"
    };
  }
}
