package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.learnflow.db.postgres.CatalogQuery;

/** Where the primary of a standby is, as far as this can be known. */
final class Standby {
  /**
   * Host names of standbys as operators, charts and Amazon Aurora create them, and the primary's
   * name instead. Sources: CloudNativePG "Service Management", Crunchy Postgres for Kubernetes
   * "Connect to a Cluster", Zalando's postgres-operator "Administrator Guide", Bitnami's chart
   * postgresql ({@code primary.name}, {@code readReplicas.name}), Amazon Aurora "Endpoints".
   */
  private static final List<Naming> NAMINGS =
      List.of(
          new Naming("([^.]+)-ro?(\\..*)?", "-rw"),
          new Naming("([^.]+)-replicas(\\..*)?", "-primary"),
          new Naming("([^.]+)-repl(\\..*)?", ""),
          new Naming("([^.]+)-read(\\..*)?", "-primary"),
          new Naming("([^.]+\\.cluster)-ro(-[^.]+\\..*\\.rds\\.amazonaws\\.com)", ""));

  private Standby() {}

  /** A pattern for a standby's name, and the text between its two groups in the primary's name. */
  private record Naming(Pattern standby, String primary) {
    Naming(String standby, String primary) {
      this(Pattern.compile(standby), primary);
    }

    Optional<String> primaryOf(String host) {
      Matcher matcher = standby.matcher(host);
      return matcher.matches()
          ? Optional.of(
              matcher.group(1) + primary + Optional.ofNullable(matcher.group(2)).orElse(""))
          : Optional.empty();
    }
  }

  /** The primary's host name, if it follows from that of a standby. */
  static Optional<String> primaryOf(String host) {
    return NAMINGS.stream().flatMap(naming -> naming.primaryOf(host).stream()).findFirst();
  }

  /**
   * What to do if the server is a standby.
   *
   * @param connection to it, as any role; members of pg_read_all_stats see what it follows
   * @param host under which it was reached
   */
  static String advice(Connection connection, String host) throws SQLException {
    String follows =
        CatalogQuery.rows(
                connection,
                "SELECT pg_catalog.concat(sender_host, ':', sender_port)"
                    + " FROM pg_catalog.pg_stat_wal_receiver"
                    + " WHERE sender_host IS NOT NULL",
                row -> row.getString(1))
            .stream()
            .map(sender -> "; this one follows " + sender)
            .findFirst()
            .orElse("");
    return "connect to the primary"
        + primaryOf(host)
            .map(primary -> ": " + primary)
            .orElse(
                ", not a standby or a Service of standbys (CloudNativePG's Service of the primary"
                    + " ends in -rw)")
        + "; in a release: externalDatabase.host"
        + follows
        + "; or promote this one";
  }
}
