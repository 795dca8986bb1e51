package org.learnflow.db.connect;

import java.util.Optional;
import java.util.Set;

/**
 * How a parameter of a connection URI is handled. Source: PostgreSQL 18 documentation, "Parameter
 * Key Words".
 */
sealed interface LibpqParameter {
  /** It is used. */
  record Used() implements LibpqParameter {}

  /** It is accepted, because the program does the same or better anyway. */
  record Accepted() implements LibpqParameter {}

  /** It is not supported. */
  record Refused(String why) implements LibpqParameter {}

  /** Empty if libpq has no such parameter; its name may then be the end of a password. */
  static Optional<LibpqParameter> of(String key, String value) {
    return Optional.ofNullable(
        switch (key) {
          case "host", "port", "dbname", "user", "sslmode", "sslrootcert", "channel_binding" ->
              new Used();
          case "application_name",
              "fallback_application_name",
              "connect_timeout",
              "keepalives",
              "keepalives_idle",
              "keepalives_interval",
              "keepalives_count",
              "tcp_user_timeout",
              "sslcompression",
              "sslsni",
              "load_balance_hosts",
              "scram_client_key",
              "scram_server_key",
              "sslkeylogfile",
              "krbsrvname",
              "gsslib",
              "gssdelegation" ->
              key.startsWith("scram_")
                  ? new Refused("SCRAM keys are not supported, only a password")
                  : new Accepted();
          case "client_encoding" ->
              only(value, "the program uses UTF8", "UTF8", "utf8", "UTF-8", "auto");
          case "target_session_attrs" ->
              only(value, "the program needs the primary", "any", "read-write", "primary");
          case "gssencmode" ->
              only(value, "GSSAPI encryption is not supported", "disable", "prefer");
          case "sslnegotiation" ->
              only(value, "only the standard TLS negotiation is supported", "postgres");
          case "requiressl" -> new Refused("libpq removed it: use sslmode=require");
          case "replication" ->
              only(value, "replication connections are not supported", "false", "off", "no", "0");
          case "options" ->
              new Refused(
                  "the program sets its own options; for services, use ALTER ROLE ... SET, which it"
                      + " does not change");
          case "hostaddr" -> new Refused("specify the address as host");
          case "passfile" -> new Refused("specify the password with --password-file or PGPASSWORD");
          case "service", "servicefile" ->
              new Refused("service files are not supported: specify host, port and database");
          case "sslcert", "sslkey", "sslpassword", "sslcertmode" ->
              key.equals("sslcertmode")
                  ? only(value, "the program has no certificate of its own", "disable", "allow")
                  : new Refused("the program logs in with a password, not with a certificate");
          case "sslcrl", "sslcrldir" -> new Refused("revocation lists are not supported");
          case "ssl_min_protocol_version" ->
              only(value, "TLS 1.2 is the minimum", "TLSv1", "TLSv1.1", "TLSv1.2");
          case "ssl_max_protocol_version" ->
              only(value, "the newest TLS version is used", "TLSv1.3");
          case "min_protocol_version" -> only(value, "protocol 3.0 is used", "3.0");
          case "max_protocol_version" ->
              only(value, "protocol 3.0 is used", "3.0", "3.2", "latest");
          case "require_auth" -> new Refused("the authentication method cannot be restricted");
          case "requirepeer" -> new Refused("Unix sockets are not supported");
          case "oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope" ->
              new Refused("the program logs in with a password, not with OAuth");
          default -> null;
        });
  }

  private static LibpqParameter only(String value, String why, String... possible) {
    return Set.of(possible).contains(value) ? new Accepted() : new Refused(why);
  }
}
