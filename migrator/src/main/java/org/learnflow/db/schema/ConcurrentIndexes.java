package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.StateSchema;

/**
 * Makes {@code CREATE INDEX CONCURRENTLY} in migrations repeatable. It runs outside a transaction,
 * so a kill or a failure leaves an invalid index, or even a valid one without a history row. What a
 * migration is about to build is therefore written down first; what was written down and not
 * crossed out is dropped before the migration is repeated.
 */
final class ConcurrentIndexes {
  private static final String IDENTIFIER = "(?:\"(?:[^\"]|\"\")+\"|[\\w$]+)";

  private static final Pattern CREATE =
      Pattern.compile(
          "\\bCREATE\\s+(?:UNIQUE\\s+)?INDEX\\s+CONCURRENTLY\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?"
              + "(?:(?<index>(?!ON\\s)%1$s)\\s+)?ON\\s+(?:ONLY\\s+)?(?<table>%1$s(?:\\.%1$s)?)"
                  .formatted(IDENTIFIER),
          Pattern.CASE_INSENSITIVE);

  private static final Pattern COMMENT = Pattern.compile("--[^\\n]*|/\\*.*?\\*/", Pattern.DOTALL);

  private final Connection connection;
  private final Progress progress;

  /**
   * Repairs through {@code connection}.
   *
   * @param connection as the owner, in autocommit mode, holding the migration lock
   */
  ConcurrentIndexes(Connection connection, Progress progress) {
    this.connection = connection;
    this.progress = progress;
  }

  /** An index that a migration builds; both names as they are written in the file. */
  private record Build(String index, String table) {}

  /** Whether {@code sql} builds an index concurrently, and so runs outside a transaction. */
  static boolean occurIn(String sql) {
    return CREATE.matcher(COMMENT.matcher(sql).replaceAll(" ")).find();
  }

  /**
   * Drops what earlier attempts left, and writes down what {@code file} is about to build.
   *
   * @throws Failure 6 for an index without a name: what an attempt left of it could not be found
   */
  void prepare(MigrationFile file) throws SQLException {
    List<Build> builds = builds(file);
    StateSchema.ensure(connection);
    String version = file.version().toString();
    for (Build build : builds) {
      boolean begunBefore = isWrittenDown(version, build.index());
      Existing existing = existing(build);
      if (existing == Existing.INVALID || (begunBefore && existing == Existing.VALID)) {
        progress.line(
            "migrate", "dropping index %s, left by an unfinished attempt".formatted(build.index()));
        // Like the build, it waits for every older transaction and blocks nobody meanwhile.
        execute("SET lock_timeout = 0");
        execute("DROP INDEX CONCURRENTLY IF EXISTS " + qualified(build));
        execute("RESET lock_timeout");
      }
      if (existing != Existing.VALID || begunBefore) {
        writeDown(version, build.index());
      }
    }
  }

  /** Drops what attempts at a version left that is given up. */
  void abandon(MigrationVersion version) throws SQLException {
    StateSchema.ensure(connection);
    List<String> left = new ArrayList<>();
    try (PreparedStatement select =
        connection.prepareStatement(
            """
            SELECT c.oid::regclass FROM learnflow_db.index_builds b
                JOIN pg_class c ON c.relname = (parse_ident(b.index_name))[1] AND c.relkind IN ('i', 'I')
            WHERE b.version = ? AND pg_has_role(c.relowner, 'USAGE')
            """)) {
      select.setString(1, version.toString());
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          left.add(rows.getString(1));
        }
      }
    }
    for (String index : left) {
      progress.line(
          "rollback", "dropping index %s, left by an unfinished attempt".formatted(index));
      execute("SET lock_timeout = 0");
      execute("DROP INDEX CONCURRENTLY IF EXISTS " + index);
      execute("RESET lock_timeout");
    }
    try (PreparedStatement delete =
        connection.prepareStatement("DELETE FROM learnflow_db.index_builds WHERE version = ?")) {
      delete.setString(1, version.toString());
      delete.executeUpdate();
    }
  }

  /** Crosses out what applied migrations built. */
  static void crossOutApplied(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      try (ResultSet row =
          statement.executeQuery("SELECT to_regclass('learnflow_db.index_builds') IS NOT NULL")) {
        row.next();
        if (!row.getBoolean(1)) {
          return;
        }
      }
      statement.execute(
          """
          DELETE FROM learnflow_db.index_builds b USING public.flyway_schema_history h
          WHERE h.version = b.version AND h.success
          """);
    }
  }

  private static List<Build> builds(MigrationFile file) {
    List<Build> builds = new ArrayList<>();
    Matcher matcher = CREATE.matcher(COMMENT.matcher(file.sql()).replaceAll(" "));
    while (matcher.find()) {
      if (matcher.group("index") == null) {
        throw Failure.of(
                ExitCode.MIGRATION_FAILED, file.name() + " builds an index that has no name")
            .where(file.path().toString())
            .state("this migration was not begun; those before it are applied")
            .next(
                "name it, so that a build that was cut off can be repeated: CREATE INDEX"
                    + " CONCURRENTLY <name> ON "
                    + matcher.group("table"));
      }
      builds.add(new Build(matcher.group("index"), matcher.group("table")));
    }
    return builds;
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
            WHERE i.indrelid = to_regclass(?) AND c.relname = (parse_ident(?))[1]
            """)) {
      select.setString(1, build.table());
      select.setString(2, build.index());
      try (ResultSet row = select.executeQuery()) {
        if (!row.next()) {
          return Existing.NONE;
        }
        return row.getBoolean(1) ? Existing.VALID : Existing.INVALID;
      }
    }
  }

  /** An index lives in the schema of its table. */
  private static String qualified(Build build) {
    Matcher schema = Pattern.compile("(" + IDENTIFIER + ")\\..*").matcher(build.table());
    return schema.matches() ? schema.group(1) + "." + build.index() : build.index();
  }

  private boolean isWrittenDown(String version, String index) throws SQLException {
    try (PreparedStatement select =
        connection.prepareStatement(
            "SELECT 1 FROM learnflow_db.index_builds WHERE version = ? AND index_name = ?")) {
      select.setString(1, version);
      select.setString(2, index);
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
