package org.learnflow.db.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A certificate authority and a server certificate by it for 127.0.0.1, but not for {@code
 * localhost}, made with openssl.
 *
 * @param directory with ca.crt, server.crt, server.key
 */
public record Certificates(Path directory) {
  /** Makes them in {@code directory}, which exists. */
  public static Certificates in(Path directory) {
    Certificates certificates = new Certificates(directory);
    certificates.openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt");
    certificates.openssl(
        "req -x509 -CA ca.crt -CAkey ca.key -newkey rsa:2048 -nodes -days 2 -subj /CN=server"
            + " -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.crt");
    return certificates;
  }

  /** The same with a server certificate that has expired. */
  public Certificates expired() {
    openssl("req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr");
    TestFiles.write(directory.resolve("server.ext"), "subjectAltName=IP:127.0.0.1\n");
    openssl(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -set_serial 2 -days -1"
            + " -extfile server.ext -out server.crt");
    return this;
  }

  /** Whether openssl can be run here. */
  public static boolean canBeMade() {
    return Programs.onPath("openssl");
  }

  /** What clients trust. */
  public Path authority() {
    return directory.resolve("ca.crt");
  }

  /** Settings of a server that offers TLS with them. */
  public String[] settings() {
    return new String[] {
      "ssl = on",
      "ssl_cert_file = '" + directory.resolve("server.crt") + "'",
      "ssl_key_file = '" + directory.resolve("server.key") + "'"
    };
  }

  private void openssl(String arguments) {
    List<String> command = new ArrayList<>(List.of("openssl"));
    command.addAll(List.of(arguments.split(" ", -1)));
    try {
      Process process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(new File(directory.toFile(), "openssl.log"))
              .start();
      if (process.waitFor() != 0) {
        throw new IllegalStateException("openssl failed: " + directory.resolve("openssl.log"));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
