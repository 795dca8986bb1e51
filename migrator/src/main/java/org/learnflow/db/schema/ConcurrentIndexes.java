package org.learnflow.db.schema;

import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlScript;
import org.learnflow.db.postgres.SqlWords;
import org.learnflow.db.postgres.StateSchema;

/**
 * Makes {@code CREATE INDEX CONCURRENTLY} in migrations repeatable. It runs outside a transaction,
 * so a kill or a failure leaves an invalid index, or even a valid one without a history row. What a
 * migration is about to build is therefore recorded first. What is recorded and not marked as done
 * is dropped before the migration is repeated.
 */
public final class ConcurrentIndexes {
  private final Connection connection;
  private final Progress progress;

  /**
   * Repairs through {@code connection}.
   *
   * @param connection as the owner, in autocommit mode, holding the migration lock
   */
  public ConcurrentIndexes(Connection connection, Progress progress) {
    this.connection = connection;
    this.progress = progress;
  }

  /**
   * Drops what earlier attempts left, and records what {@code file} is about to build.
   *
   * @throws Failure 6 for an index without a name, because what an attempt leaves of it could not
   *     be found
   */
  public void prepare(MigrationFile file) throws SQLException {
    List<Build> builds = builds(file);
    if (builds.isEmpty()) {
      return;
    }
    StateSchema.ensure(connection);
    String version = file.version().toString();
    for (Build build : builds) {
      boolean begunBefore = isWrittenDown(version, build);
      Existing existing = existing(build);
      if (existing == Existing.INVALID || (begunBefore && existing == Existing.VALID)) {
        drop("migrate", build.name());
      }
      if (existing != Existing.VALID || begunBefore) {
        writeDown(version, build.name());
      }
    }
  }

  /**
   * Drops what attempts left of a version that is given up.
   *
   * @param step that reports it
   */
  public void abandon(String step, MigrationVersion version) throws SQLException {
    StateSchema.ensure(connection);
    for (String index : leftBy(version)) {
      drop(step, index);
    }
    try (PreparedStatement delete =
        connection.prepareStatement("DELETE FROM learnflow_db.index_builds WHERE version = ?")) {
      delete.setString(1, version.toString());
      delete.executeUpdate();
    }
  }

  /** If the schema is unknown, a valid index may be another one of that name. */
  private List<String> leftBy(MigrationVersion version) throws SQLException {
    List<String> left = new ArrayList<>();
    try (PreparedStatement select =
        connection.prepareStatement(
            """
            SELECT format('%I.%I', n.nspname, c.relname)
            FROM learnflow_db.index_builds b, parse_ident(b.index_name) AS p, pg_class c
              JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indexrelid = c.oid
            WHERE b.version = ? AND pg_has_role(c.relowner, 'USAGE')
              AND c.relname = p[cardinality(p)]::name
              AND CASE cardinality(p) WHEN 1 THEN NOT i.indisvalid ELSE n.nspname = p[1]::name END
            """)) {
      select.setString(1, version.toString());
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          left.add(rows.getString(1));
        }
      }
    }
    return left;
  }

  /** Like the build, this waits for every older transaction and blocks nobody in the meantime. */
  private void drop(String step, String index) throws SQLException {
    progress.line(step, "dropping index %s, left by an unfinished attempt".formatted(index));
    execute("SET lock_timeout = 0");
    execute("DROP INDEX CONCURRENTLY IF EXISTS " + index);
    execute("RESET lock_timeout");
  }

  /** Marks as done what applied migrations built. */
  static void crossOutApplied(Connection connection) throws SQLException {
    if (Sql.exists(connection, "learnflow_db.index_builds")) {
      Sql.execute(
          connection,
          """
          DELETE FROM learnflow_db.index_builds b USING public.flyway_schema_history h
          WHERE h.version = b.version AND h.success
          """);
    }
  }

  /**
   * An index that a migration builds.
   *
   * @param name with the schema of its table, quoted if it must be; as in the file if that table
   *     does not exist yet
   * @param written as in the file
   */
  private record Build(String name, String written, String table) {}

  private List<Build> builds(MigrationFile file) throws SQLException {
    List<Build> builds = new ArrayList<>();
    try (SqlScript script = new SqlScript(file.name(), new StringReader(file.sql()))) {
      while (script.hasNext()) {
        SqlScript.Statement statement = script.next();
        Optional<SqlWords.IndexBuild> build = statement.words().indexBuild();
        if (build.isPresent()) {
          String table = build.get().table();
          String written = build.get().index().orElseThrow(() -> nameless(file, statement, table));
          builds.add(new Build(name(written, table), written, table));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("reading migration " + file.path(), e);
    }
    return builds;
  }

  private static Failure nameless(MigrationFile file, SqlScript.Statement statement, String table) {
    return Failure.of(ExitCode.MIGRATION_FAILED, file.name() + " builds an index that has no name")
        .where("%s, line %d".formatted(file.path(), statement.line()))
        .state("this migration was not started; the ones before it are applied")
        .next(
            "name it, so that an interrupted build can be repeated: CREATE INDEX"
                + " CONCURRENTLY <name> ON "
                + table);
  }

  /** An index lives in the schema of its table. */
  private String name(String index, String table) throws SQLException {
    try (PreparedStatement select =
        connection.prepareStatement(
            """
            SELECT format('%I.%I', n.nspname, (parse_ident(?))[1]::name)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = to_regclass(?)
            """)) {
      select.setString(1, index);
      select.setString(2, table);
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? String.valueOf(row.getString(1)) : index;
      }
    }
  }

  private enum Existing {
    NONE,
    INVALID,
    VALID
  }

  private Existing existing(Build build) throws SQLException {
    try (PreparedStatement select =
        connection.prepareStatement(
            """
            SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = to_regclass(?) AND c.relname = (parse_ident(?))[1]::name
            """)) {
      select.setString(1, build.table());
      select.setString(2, build.written());
      try (ResultSet row = select.executeQuery()) {
        if (!row.next()) {
          return Existing.NONE;
        }
        return row.getBoolean(1) ? Existing.VALID : Existing.INVALID;
      }
    }
  }

  /** Older versions of this program recorded it as it is written in the file. */
  private boolean isWrittenDown(String version, Build build) throws SQLException {
    try (PreparedStatement select =
        connection.prepareStatement(
            "SELECT 1 FROM learnflow_db.index_builds WHERE version = ? AND index_name IN (?, ?)")) {
      select.setString(1, version);
      select.setString(2, build.name());
      select.setString(3, build.written());
      try (ResultSet row = select.executeQuery()) {
        return row.next();
      }
    }
  }

  private void writeDown(String version, String index) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement(
            "INSERT INTO learnflow_db.index_builds VALUES (?, ?) ON CONFLICT DO NOTHING")) {
      insert.setString(1, version);
      insert.setString(2, index);
      insert.executeUpdate();
    }
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}
