package org.learnflow.db.connect;

import java.util.Optional;
import java.util.Set;

/**
 * What becomes of a connection URI's parameter. Source: PostgreSQL 18 documentation, "Parameter Key
 * Words".
 */
sealed interface LibpqParameter {
  /** It is used. */
  record Used() implements LibpqParameter {}

  /** It is accepted, and the program does the same or better anyway. */
  record Accepted() implements LibpqParameter {}

  /** It cannot be had. */
  record Refused(String why) implements LibpqParameter {}

  /** Nothing where libpq has no such parameter; its name may then be the end of a password. */
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
                  ? new Refused("no keys of SCRAM can be given, only a password")
                  : new Accepted();
          case "client_encoding" ->
              only(value, "the program speaks UTF8", "UTF8", "utf8", "UTF-8", "auto");
          case "target_session_attrs" ->
              only(value, "the program needs the primary", "any", "read-write", "primary");
          case "gssencmode" -> only(value, "there is no encryption by GSSAPI", "disable", "prefer");
          case "sslnegotiation" -> only(value, "TLS is asked for the ordinary way", "postgres");
          case "requiressl" -> new Refused("libpq gave it up: use sslmode=require");
          case "replication" -> only(value, "it is for replication", "false", "off", "no", "0");
          case "options" ->
              new Refused(
                  "the program sets its own; for services: ALTER ROLE ... SET, which it leaves alone");
          case "hostaddr" -> new Refused("name the address as host");
          case "passfile" -> new Refused("give the password by --password-file or PGPASSWORD");
          case "service", "servicefile" ->
              new Refused("no service file is read: write out host, port and database");
          case "sslcert", "sslkey", "sslpassword", "sslcertmode" ->
              key.equals("sslcertmode")
                  ? only(value, "the program has no certificate of its own", "disable", "allow")
                  : new Refused("the program logs in with a password, not with a certificate");
          case "sslcrl", "sslcrldir" -> new Refused("no revocation list is looked at");
          case "ssl_min_protocol_version" ->
              only(value, "TLS is 1.2 at least", "TLSv1", "TLSv1.1", "TLSv1.2");
          case "ssl_max_protocol_version" -> only(value, "the newest TLS is used", "TLSv1.3");
          case "min_protocol_version" -> only(value, "protocol 3.0 is spoken", "3.0");
          case "max_protocol_version" ->
              only(value, "protocol 3.0 is spoken", "3.0", "3.2", "latest");
          case "require_auth" -> new Refused("the method of logging in cannot be limited");
          case "requirepeer" -> new Refused("Unix sockets are not supported");
          case "oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope" ->
              new Refused("the program logs in with a password, not by OAuth");
          default -> null;
        });
  }

  private static LibpqParameter only(String value, String why, String... possible) {
    return Set.of(possible).contains(value) ? new Accepted() : new Refused(why);
  }
}
