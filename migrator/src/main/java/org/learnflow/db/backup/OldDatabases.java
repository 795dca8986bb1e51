package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.DatabaseDrop;
import org.learnflow.db.postgres.Identifier;
import org.learnflow.db.postgres.Sql;

/**
 * The databases that restores replaced and kept.
 *
 * @param maintenance a session in the maintenance database; in autocommit mode
 * @param database the name that they had
 */
public record OldDatabases(Connection maintenance, String database) {
  private static final String COMMENT = "learnflow-db restore: what was there before in ";
  private static final String SUFFIX = "_before_restore_";
  private static final String TIME = "yyyyMMddHHmmss";

  /** The comment that marks a database as one of them. */
  String comment() {
    return COMMENT + database;
  }

  /** A name for the next one; there may be two restores within a second. */
  String freeName() throws SQLException {
    return freeName(Instant.now());
  }

  private String freeName(Instant time) throws SQLException {
    String name = named(DateTimeFormatter.ofPattern(TIME).withZone(ZoneOffset.UTC).format(time));
    return LiveDatabase.exists(maintenance, name) ? freeName(time.plusSeconds(1)) : name;
  }

  private String named(String time) {
    return Identifier.derived(database, SUFFIX + time);
  }

  /** Those of exactly this database that the session's role can drop, oldest first. */
  public List<String> names() throws SQLException {
    String example = named(TIME);
    String before = example.substring(0, example.length() - TIME.length());
    return CatalogQuery.rows(
            maintenance,
            """
            SELECT datname FROM pg_database
            WHERE shobj_description(oid, 'pg_database') = %s AND pg_has_role(datdba, 'USAGE') ORDER BY 1
            """
                .formatted(Sql.literal(comment())),
            row -> row.getString(1))
        .stream()
        .filter(
            name -> name.startsWith(before) && name.substring(before.length()).matches("\\d{14}"))
        .toList();
  }

  /** Drops one of them with its sessions. */
  public void drop(String name) throws SQLException {
    DatabaseDrop.drop(maintenance, name);
  }
}
