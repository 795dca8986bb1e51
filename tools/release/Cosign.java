package release;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Programs;

/**
 * Signs what is in a registry, and files.
 *
 * @param key the file of a private key, whose password is in {@code COSIGN_PASSWORD}; null for
 *     keyless signing, by the identity of the workflow or of a person, recorded in Sigstore's log
 * @param insecure whether the registry is one on this machine, without TLS
 */
public record Cosign(Path key, boolean insecure) {
  private static final Path PROGRAM = Path.of("tools/release/bin/cosign");

  /** Makes a pair of keys for a rehearsal: cosign.key, without a password, and cosign.pub. */
  public static Path makeKey(Path folder) throws IOException, InterruptedException {
    Path key = folder.resolve("cosign.key");
    if (!Files.exists(key)) {
      ProcessBuilder builder =
          new ProcessBuilder(
              PROGRAM.toAbsolutePath().toString(),
              "generate-key-pair",
              "--output-key-prefix",
              "cosign");
      builder.environment().put("COSIGN_PASSWORD", "");
      Programs.run(builder.directory(folder.toFile()));
    }
    return key;
  }

  /** Signs what a digest names, such as {@code ghcr.io/learnflow/learnflow-db@sha256:...}. */
  public void sign(String reference) throws IOException, InterruptedException {
    run("sign", registryFlags(), List.of(reference));
  }

  /** Attaches a bill of materials to what a digest names. */
  public void attest(Path bom, String reference) throws IOException, InterruptedException {
    List<String> flags = new ArrayList<>(registryFlags());
    flags.addAll(List.of("--type", "cyclonedx", "--predicate", bom.toString()));
    run("attest", flags, List.of(reference));
  }

  /** Signs a file; the signature is beside it, in FILE.sigstore.json. */
  public void signFile(Path file) throws IOException, InterruptedException {
    run("sign-blob", List.of("--bundle", file + ".sigstore.json"), List.of(file.toString()));
  }

  /** With a key nothing is asked of Sigstore's servers, which a machine may not reach. */
  private static Path withoutServers() throws IOException, InterruptedException {
    Path settings = Files.createTempFile("signing", ".json");
    settings.toFile().deleteOnExit();
    Programs.run(PROGRAM.toString(), "signing-config", "create", "--out", settings.toString());
    return settings;
  }

  private List<String> registryFlags() {
    return insecure ? List.of("--allow-http-registry") : List.of();
  }

  private void run(String command, List<String> flags, List<String> arguments)
      throws IOException, InterruptedException {
    List<String> line = new ArrayList<>(List.of(PROGRAM.toString(), command, "--yes"));
    if (key != null) {
      line.addAll(
          List.of("--key", key.toString(), "--signing-config", withoutServers().toString()));
    }
    line.addAll(flags);
    line.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(line);
    if (key != null) {
      builder.environment().putIfAbsent("COSIGN_PASSWORD", "");
    }
    Programs.run(builder);
  }
}
