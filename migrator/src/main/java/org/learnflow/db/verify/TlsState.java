package org.learnflow.db.verify;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;
import org.learnflow.db.certificates.Chain;
import org.learnflow.db.certificates.Life;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Target;
import org.learnflow.db.postgres.CatalogQuery;

/**
 * What a session speaks, and how long the server's certificate and its authority are valid.
 *
 * @param protocol such as {@code TLSv1.3 with TLS_AES_256_GCM_SHA384}
 * @param address how the server is used
 * @param own whether it is the release's own server, with a certificate of its own
 * @param renewedBefore how long before its end a certificate is renewed by itself, if it is
 * @param server empty if {@code unread} says why it could not be read
 * @param authority empty if none is trusted
 * @param unread otherwise empty
 */
record TlsState(
    String protocol,
    DatabaseAddress address,
    boolean own,
    Optional<Duration> renewedBefore,
    Optional<Life> server,
    Optional<Life> authority,
    String unread) {
  private static final String NAME = "tls";

  /** A rotation that reconcile begins in time takes 60 days. */
  private static final Duration ENOUGH_FOR_ROTATION = Duration.ofDays(90);

  /** Who renews by itself may be that late. */
  private static final Duration A_DAY = Duration.ofDays(1);

  /** Empty if the session speaks no TLS. */
  private static Optional<TlsState> read(Connection connection, DatabaseAccess access)
      throws SQLException {
    List<String> protocol =
        CatalogQuery.rows(
            connection,
            "SELECT version || ' with ' || cipher FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()",
            row -> row.getString(1));
    return protocol.isEmpty() ? Optional.empty() : Optional.of(of(protocol.getFirst(), access));
  }

  private static TlsState of(String protocol, DatabaseAccess access) {
    DatabaseAddress address = access.target().owner();
    Optional<Duration> renewed = access.target().hosting().renewsBefore();
    boolean own = access.target().server() == Target.Server.OWN;
    try {
      Chain chain = access.tlsProbe().certificates();
      Optional<Path> trusted = address.rootCertificate().filter(_ -> address.sslMode().verifies());
      Optional<Life> authority =
          trusted.isEmpty()
              ? Optional.empty()
              : chain.authority(WholeFile.CERTIFICATES.text(trusted.get()));
      return new TlsState(
          protocol, address, own, renewed, Optional.of(chain.server()), authority, "");
    } catch (IOException e) {
      return new TlsState(
          protocol, address, own, renewed, Optional.empty(), Optional.empty(), Reason.of(e));
    }
  }

  /** When the server's certificate ends; empty if it is unknown. */
  static Optional<Instant> expires(Connection connection, DatabaseAccess access)
      throws SQLException {
    return read(connection, access).flatMap(TlsState::server).map(Life::end);
  }

  /** Nothing if TLS is not required. */
  static List<StageResult> look(Connection connection, DatabaseAccess access) throws SQLException {
    return access.target().owner().sslMode().requiresTls()
        ? read(connection, access).map(state -> state.stage(Clock.systemUTC().instant())).stream()
            .toList()
        : List.of();
  }

  private StageResult stage(Instant now) {
    boolean verified = address.sslMode().verifies();
    if (server.isEmpty()) {
      return StageResult.warning(
          NAME, "%s; the server's certificate could not be read: %s".formatted(protocol, unread));
    }
    if (!server.get().includes(now)) {
      String invalid =
          "%s, and clients that verify it are rejected; next: %s".formatted(text(now), renewal());
      return verified ? StageResult.broken(NAME, invalid) : StageResult.warning(NAME, invalid);
    }
    List<String> next = new ArrayList<>();
    if (!verified) {
      next.add(
          "verify it: sslmode=verify-full and sslrootcert=FILE, in a release externalDatabase.sslmode and externalDatabase.ca");
    }
    if (isLate(server.get(), now, !server.get().isFresh(now))) {
      next.add(renewal());
    }
    if (authority
        .filter(life -> isLate(life, now, life.end().isBefore(now.plus(ENOUGH_FOR_ROTATION))))
        .isPresent()) {
      next.add(
          own
              ? "replace the authority: docs/explanation/tls.md"
              : "replace the authority that sslrootcert contains; in a release externalDatabase.ca");
    }
    return next.isEmpty()
        ? StageResult.good(NAME, text(now))
        : StageResult.warning(NAME, "%s; next: %s".formatted(text(now), String.join("; ", next)));
  }

  /** Whether it should have been renewed; {@code otherwise} if nobody does that by itself. */
  private boolean isLate(Life life, Instant now, boolean otherwise) {
    return renewedBefore
        .map(before -> life.end().isBefore(now.plus(before).minus(A_DAY)))
        .orElse(otherwise);
  }

  private String renewal() {
    return own
        ? "renew the certificate: helm upgrade, or reconcile; if its Secret has a newer one, let the server load it: SELECT pg_reload_conf()"
        : "renew the certificate on the server";
  }

  /** One line; {@code none} if the session speaks no TLS. */
  static String text(Connection connection, DatabaseAccess access) throws SQLException {
    return read(connection, access)
        .map(state -> state.text(Clock.systemUTC().instant()))
        .orElse("none");
  }

  private String text(Instant now) {
    String verified = address.sslMode().verifies() ? " " : ", not verified, ";
    String first =
        server
            .map(life -> "certificate%s%s".formatted(verified, valid(life, now)))
            .orElse("certificate unknown: " + unread);
    return "%s; %s%s"
        .formatted(
            protocol, first, authority.map(life -> "; authority " + valid(life, now)).orElse(""));
  }

  private static String valid(Life life, Instant now) {
    if (life.begin().isAfter(now)) {
      return "valid only from " + life.begin().truncatedTo(ChronoUnit.SECONDS);
    }
    return life.includes(now)
        ? "valid for %d more days".formatted(life.days(now))
        : "expired on " + life.end().truncatedTo(ChronoUnit.SECONDS);
  }

  /**
   * Whether the server lets in clients without TLS although TLS is required; nothing if TLS is not
   * required, or that is unknown. Each time, a server that rejects them logs it.
   */
  static List<StageResult> plainText(DatabaseAccess access) {
    if (!access.target().owner().sslMode().requiresTls()) {
      return List.of();
    }
    String name = "plaintext";
    return switch (access.tlsProbe().plainText()) {
      case REFUSED -> List.of(StageResult.good(name, "refused"));
      case ACCEPTED ->
          List.of(
              StageResult.warning(
                  name,
                  "the server accepts connections without TLS; next: "
                      + access.target().hosting().plainTextAdvice()));
      case UNKNOWN -> List.of();
    };
  }
}
