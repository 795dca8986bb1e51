package org.learnflow.db.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A certificate authority of its own and a server's certificate by it, made with openssl; all PEM.
 *
 * @param authority the authority's certificate, which clients trust
 * @param server the server's certificate
 * @param key the server's private key
 */
record Certificates(String authority, String server, String key) {

  /** For a server that has this name and no other. */
  static Certificates of(String host) {
    try {
      Path folder = Files.createTempDirectory("e2e-certificates");
      try {
        openssl(folder, "/CN=e2e-authority", "ca", List.of());
        openssl(
            folder,
            "/CN=e2e-server",
            "server",
            List.of(
                "-CA",
                folder.resolve("ca.crt").toString(),
                "-CAkey",
                folder.resolve("ca.key").toString(),
                "-addext",
                "subjectAltName=DNS:" + host));
        return new Certificates(
            Files.readString(folder.resolve("ca.crt")),
            Files.readString(folder.resolve("server.crt")),
            Files.readString(folder.resolve("server.key")));
      } finally {
        run(List.of("rm", "-rf", folder.toString()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void openssl(Path folder, String subject, String name, List<String> options) {
    List<String> words =
        new ArrayList<>(
            List.of("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"));
    words.addAll(List.of("-subj", subject));
    words.addAll(List.of("-keyout", folder.resolve(name + ".key").toString()));
    words.addAll(List.of("-out", folder.resolve(name + ".crt").toString()));
    words.addAll(options);
    run(words);
  }

  private static void run(List<String> words) {
    Command.run(Duration.ofSeconds(30), Map.of(), words).successful();
  }
}
