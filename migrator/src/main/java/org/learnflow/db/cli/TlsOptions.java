package org.learnflow.db.cli;

import java.time.Clock;
import java.util.List;
import org.learnflow.db.kubernetes.TlsSecrets;
import picocli.CommandLine.Option;

/** The certificate of a release's server and the authority that signs it. */
final class TlsOptions {
  @Option(
      names = "--tls-secret",
      paramLabel = "NAME",
      description =
          "Secret for the server's certificate, which is created, and renewed when less than a third"
              + " of its life is left (default: none).")
  private String secret = "";

  @Option(
      names = "--tls-authority-secret",
      paramLabel = "NAME",
      description = "Secret for the authority that signs it (default: TLS-SECRET-authority).")
  private String authority = "";

  @Option(
      names = "--tls-name",
      paramLabel = "NAME",
      split = ",",
      description =
          "Name or address under which clients reach the server; can be repeated (default: those of"
              + " the existing certificate).")
  private List<String> names = List.of();

  /** Creates and renews what is due; each line that was done is printed as progress. */
  void ensure(ClusterOptions cluster, boolean rotate, ConsoleProgress progress) {
    if (secret.isEmpty()) {
      return;
    }
    new TlsSecrets(
            cluster.api(),
            cluster.namespace(),
            secret,
            authority.isEmpty() ? secret + "-authority" : authority)
        .ensure(names, rotate, Clock.systemUTC().instant())
        .forEach(line -> progress.line("tls", line));
  }
}
