package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.DatabaseDrop;
import org.learnflow.db.postgres.DatabaseLikeness;
import org.learnflow.db.postgres.Identifier;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * The staging database: created beside the running one, filled by others, then dropped or swapped
 * in.
 */
public final class StagingDatabase {
  private static final String STEP = "restore";
  private static final String COMMENT =
      "learnflow-db restore: being loaded; the next restore drops it";

  /**
   * Its connection limit, "lf" and a number, until it is in place: distinguishes it from somebody
   * else's database, because CREATE DATABASE takes no comment.
   */
  private static final int LIMIT = 0x6c66_0006;

  private final Connection maintenance;
  private final LiveDatabase live;
  private final Progress progress;

  /**
   * That of a database.
   *
   * @param maintenance a session in the maintenance database, of a role that can create databases
   *     and is, or is a member of, the owner; in autocommit mode
   * @param database that it is to replace
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
   * Drops what a killed restore left, and nothing else.
   *
   * @param owner whose databases are checked; nobody else's is a leftover
   * @throws Failure 10 if somebody else's database has the name
   */
  void dropLeftover(String owner) throws SQLException {
    if (!exists()) {
      return;
    }
    if (!isLeftover(owner)) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "database %s already exists, and restore did not create it".formatted(name()))
          .next("rename it: ALTER DATABASE %s RENAME TO ...".formatted(Sql.identifier(name())));
    }
    progress.line(STEP, "dropping %s, which a killed restore left".formatted(name()));
    drop();
  }

  private boolean isLeftover(String owner) throws SQLException {
    return CatalogQuery.rows(
            maintenance,
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datconnlimit = %d AND datname = %s"
                .formatted(LIMIT, Sql.literal(name())),
            row -> row.getString(1))
        .contains(owner);
  }

  /**
   * Creates it like the running one: encoding, locale, tablespace.
   *
   * @param owner the role that also owns the running one
   * @param otherwise how to create it if there is no running one
   * @throws Failure 1 if the server rejects it
   */
  public void make(String owner, Optional<DatabaseLikeness> otherwise) throws SQLException {
    try (var _ = Ongoing.begin(progress, STEP, "creating " + name())) {
      Sql.execute(
          maintenance,
          "CREATE DATABASE %s OWNER %s TEMPLATE template0 %s%s CONNECTION LIMIT %d"
              .formatted(
                  Sql.identifier(name()),
                  Sql.identifier(owner),
                  live.likeness()
                      .or(() -> otherwise)
                      .map(DatabaseLikeness::clause)
                      .orElse("ENCODING 'UTF8'"),
                  DatabaseLikeness.tablespace(maintenance, live.name()),
                  LIMIT));
      Sql.execute(
          maintenance, "COMMENT ON DATABASE %s IS '%s'".formatted(Sql.identifier(name()), COMMENT));
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      throw Failure.of(
              ExitCode.FAILED, "the staging database could not be created: " + e.getMessage())
          .where("SQLSTATE " + e.getSQLState())
          .state("the database was not changed")
          .next(
              live.exists()
                  ? "fix what the server reports and run the same command again"
                  : "fix what the server reports; or create the database as you want it (learnflow-db roles) and run the same command again: text then sorts as it does there")
          .causedBy(e);
    }
  }

  /**
   * Lets a role fill it, while the owner keeps it: the role can create anything in it, but cannot
   * change the database itself.
   *
   * @param inside a session of the owner in the staging database
   */
  boolean admit(Connection inside, String role) throws SQLException {
    String grantee = Sql.identifier(role);
    Sql.execute(
        inside,
        "GRANT CREATE, CONNECT, TEMPORARY ON DATABASE %s TO %s"
            .formatted(Sql.identifier(name()), grantee));
    Sql.execute(inside, "ALTER SCHEMA public OWNER TO " + grantee);
    return true;
  }

  /**
   * Ends the sessions in it, so that what loads it fails.
   *
   * @param ending a session in the maintenance database of a role that can end others' sessions
   */
  void endLoading(Connection ending) {
    try (PreparedStatement end =
        ending.prepareStatement(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?")) {
      end.setString(1, name());
      end.execute();
    } catch (SQLException e) {
      progress.line(STEP, "loading could not be stopped: " + e.getMessage());
    }
  }

  /** Drops it with its sessions. */
  public void drop() throws SQLException {
    try (var _ = Ongoing.begin(progress, STEP, "dropping " + name())) {
      DatabaseDrop.drop(maintenance, name());
    }
  }
}
