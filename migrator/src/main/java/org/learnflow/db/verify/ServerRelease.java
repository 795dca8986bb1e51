package org.learnflow.db.verify;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.SQLException;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Properties;

/**
 * Whether a server has the fixes that PostgreSQL has published, as far as this program knows: it
 * contains the newest release of each major version (tools/versions.properties) and calls nobody.
 *
 * @param major such as 17
 * @param minor such as 12; 0 for a release before the first, such as 18beta1
 * @param text as the server reports it, such as {@code 17.12 (Debian 17.12-1.pgdg13+1)}
 */
record ServerRelease(int major, int minor, String text) {
  private static final String FILE = "versions.properties";

  /** The release of the server that {@code connection} is connected to. */
  static ServerRelease of(Connection connection) throws SQLException {
    DatabaseMetaData server = connection.getMetaData();
    return new ServerRelease(
        server.getDatabaseMajorVersion(),
        server.getDatabaseMinorVersion(),
        server.getDatabaseProductVersion());
  }

  /**
   * The stage.
   *
   * @param required whether a server that lacks fixes is unhealthy
   */
  StageResult stage(boolean required) {
    String server = "PostgreSQL " + text;
    return lack(LocalDate.now(ZoneOffset.UTC))
        .map(lack -> new StageResult("version", !required, !required, server + ": " + lack))
        .orElseGet(() -> StageResult.good("version", server));
  }

  /**
   * Why the server may lack fixes, and what to do; empty if it is up to date.
   *
   * @param today on which support is compared
   */
  Optional<String> lack(LocalDate today) {
    Properties known = known();
    Optional<String> newest = Optional.ofNullable(known.getProperty(key("release")));
    if (newest.isEmpty()) {
      int first = Integer.parseInt(Objects.requireNonNull(known.getProperty("postgresql.oldest")));
      return Optional.of(
          major < first
              ? "major version %d is out of support and gets no fixes; next: see docs/how-to/major-upgrade.md"
                  .formatted(major)
              : "this program does not know major version %d, so whether it lacks fixes is unknown; next: use a newer learnflow-db"
                  .formatted(major));
    }
    LocalDate end = LocalDate.parse(Objects.requireNonNull(known.getProperty(key("end"))));
    int behind = behind(newest.get());
    String old =
        behind <= 0
            ? ""
            : "%d minor version%s behind %s, whose fixes it lacks"
                .formatted(behind, behind == 1 ? "" : "s", newest.get());
    if (today.isAfter(end)) {
      return Optional.of(
          "major version %d is out of support since %s and gets no fixes%s; next: see docs/how-to/major-upgrade.md"
              .formatted(major, end, old.isEmpty() ? "" : "; it is " + old));
    }
    return Optional.of(old)
        .filter(text -> !text.isEmpty())
        .map(text ->
            text
                + "; next: upgrade the server, in a release with postgresql.image: docs/how-to/postgresql-images.md");
  }

  /** How many minor versions it lacks; empty if its major version is unknown. */
  OptionalInt minorsBehind() {
    String newest = known().getProperty(key("release"));
    return newest == null ? OptionalInt.empty() : OptionalInt.of(Math.max(0, behind(newest)));
  }

  private int behind(String newest) {
    return Integer.parseInt(newest.substring(newest.indexOf('.') + 1)) - minor;
  }

  private String key(String what) {
    return "postgresql.%d.%s".formatted(major, what);
  }

  private static Properties known() {
    Properties properties = new Properties();
    try (InputStream file =
        Objects.requireNonNull(ServerRelease.class.getResourceAsStream(FILE), FILE)) {
      properties.load(file);
    } catch (IOException e) {
      throw new UncheckedIOException("reading " + FILE, e);
    }
    return properties;
  }
}
