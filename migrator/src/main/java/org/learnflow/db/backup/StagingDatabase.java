package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.DatabaseDrop;
import org.learnflow.db.postgres.DatabaseLikeness;
import org.learnflow.db.postgres.Identifier;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.SqlText;

/** The staging database: made beside the live one, filled by others, and dropped or swapped in. */
public final class StagingDatabase {
  private static final String STEP = "restore";
  private static final String COMMENT =
      "learnflow-db restore: being loaded; the next restore drops it";

  /**
   * Its connection limit, "lf" and a number, until it is in its place: what tells it from somebody
   * else's database, since CREATE DATABASE takes no comment.
   */
  private static final int LIMIT = 0x6c66_0006;

  private final Connection maintenance;
  private final LiveDatabase live;
  private final Progress progress;

  /**
   * That of a database.
   *
   * @param maintenance a session in the maintenance database, of a role that may make databases and
   *     is, or is a member of, the owner; in autocommit mode
   * @param database whose place it is to take
   */
  public StagingDatabase(Connection maintenance, String database, Progress progress) {
    this.maintenance = maintenance;
    this.live = new LiveDatabase(maintenance, database);
    this.progress = progress;
  }

  /** Its name. */
  public String name() {
    return name(live.name());
  }

  /** Name of the staging database of {@code database}. */
  static String name(String database) {
    return Identifier.derived(database, "_restore");
  }

  /** Whether a database of its name exists. */
  boolean exists() throws SQLException {
    return LiveDatabase.exists(maintenance, name());
  }

  /**
   * Drops what a killed restore has left; nothing else may be dropped.
   *
   * @param owner whose databases are looked at; nobody else's is a leftover
   * @throws Failure 10 where somebody else's database has the name
   */
  void dropLeftover(String owner) throws SQLException {
    if (!exists()) {
      return;
    }
    if (!isLeftover(owner)) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "there is a database %s that restore has not made".formatted(name()))
          .next("rename it: ALTER DATABASE %s RENAME TO ...".formatted(SqlText.identifier(name())));
    }
    progress.line(STEP, "dropping %s, which a killed restore has left".formatted(name()));
    drop();
  }

  private boolean isLeftover(String owner) throws SQLException {
    return CatalogQuery.rows(
            maintenance,
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datconnlimit = %d AND datname = %s"
                .formatted(LIMIT, SqlText.literal(name())),
            row -> row.getString(1))
        .contains(owner);
  }

  /**
   * Makes it as the live one is: encoding, locale, tablespace.
   *
   * @param owner of it, as of the live one
   * @param otherwise how it is made where there is no live one
   * @throws Failure 1 where the server refuses
   */
  public void make(String owner, Optional<DatabaseLikeness> otherwise) throws SQLException {
    try {
      SqlText.execute(
          maintenance,
          "CREATE DATABASE %s OWNER %s TEMPLATE template0 %s%s CONNECTION LIMIT %d"
              .formatted(
                  SqlText.identifier(name()),
                  SqlText.identifier(owner),
                  live.likeness()
                      .or(() -> otherwise)
                      .map(DatabaseLikeness::clause)
                      .orElse("ENCODING 'UTF8'"),
                  DatabaseLikeness.tablespace(maintenance, live.name()),
                  LIMIT));
      SqlText.execute(
          maintenance,
          "COMMENT ON DATABASE %s IS '%s'".formatted(SqlText.identifier(name()), COMMENT));
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      throw Failure.of(ExitCode.FAILED, "the side database could not be made: " + e.getMessage())
          .where("SQLSTATE " + e.getSQLState())
          .state("the database is as it was")
          .next(
              live.exists()
                  ? "correct what the server says and run the same command again"
                  : "correct what the server says; or make the database as you want it (learnflow-db"
                      + " roles) and run the same command again: text then sorts as it does there")
          .causedBy(e);
    }
  }

  /**
   * Lets a role fill it, while it stays its owner's: the role may make what it likes in it, and
   * change nothing of the database itself.
   *
   * @param inside a session of the owner in the staging database
   */
  boolean admit(Connection inside, String role) throws SQLException {
    String grantee = SqlText.identifier(role);
    SqlText.execute(
        inside,
        "GRANT CREATE, CONNECT, TEMPORARY ON DATABASE %s TO %s"
            .formatted(SqlText.identifier(name()), grantee));
    SqlText.execute(inside, "ALTER SCHEMA public OWNER TO " + grantee);
    return true;
  }

  /**
   * Ends the sessions in it, so that what loads it fails.
   *
   * @param ending a session in the maintenance database of a role that may end others' sessions
   */
  void endLoading(Connection ending) {
    try (PreparedStatement end =
        ending.prepareStatement(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?")) {
      end.setString(1, name());
      end.execute();
    } catch (SQLException e) {
      progress.line(STEP, "loading could not be ended: " + e.getMessage());
    }
  }

  /** Drops it with its sessions. */
  public void drop() throws SQLException {
    DatabaseDrop.drop(maintenance, name());
  }
}
