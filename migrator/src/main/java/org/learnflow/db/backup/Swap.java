package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Pause;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.SessionText;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * Replaces the running database by the staging database.
 *
 * <p>Both renames are one transaction. The first one locks the database, so that new sessions wait,
 * and fails only if old ones still exist after five seconds (CountOtherDBBackends in PostgreSQL's
 * procarray.c); meanwhile a second session ends them. So a kill at any point leaves either the old
 * database or the new one under the name.
 */
public final class Swap {
  private static final int RENAME_ATTEMPTS = 3;

  /** How long the server waits for sessions to end, before a rename fails. */
  private static final Duration RENAME = Duration.ofSeconds(5);

  /** After that it fails if sessions cannot be ended. */
  static final Duration MOST = RENAME.multipliedBy(RENAME_ATTEMPTS);

  private static final Duration ENDING_PAUSE = Duration.ofMillis(50);
  private static final String OBJECT_IN_USE = "55006";

  private final Connection maintenance;
  private final String database;
  private final String staging;
  private final LiveDatabase live;
  private final OldDatabases old;

  /**
   * A swap.
   *
   * @param maintenance a session in the maintenance database, of a role that can create databases
   *     and is, or is a member of, the owner; in autocommit mode
   * @param database that is replaced
   */
  public Swap(Connection maintenance, String database) {
    this.maintenance = maintenance;
    this.database = database;
    this.staging = StagingDatabase.name(database);
    this.live = new LiveDatabase(maintenance, database);
    this.old = new OldDatabases(maintenance, database);
  }

  /**
   * Does it.
   *
   * @param ending a session in the maintenance database of a role that can end others' sessions
   * @return the name that the old database has now, if there was one
   * @throws Failure 1 if sessions cannot be ended
   */
  public Optional<String> run(Connection ending) throws SQLException {
    Optional<String> before = live.exists() ? Optional.of(old.freeName()) : Optional.empty();
    TreeSet<String> staying = new TreeSet<>();
    for (int attempt = 1; ; attempt++) {
      try {
        CompletableFuture<Void> renaming =
            CompletableFuture.runAsync(
                () -> rename(before), task -> Thread.ofVirtual().start(task));
        try {
          while (!renaming.isDone()) {
            staying.clear();
            staying.addAll(endSessions(ending));
            Pause.of(ENDING_PAUSE);
          }
        } catch (SQLException | RuntimeException e) {
          // It may still succeed: the state is known only after it ended.
          renaming.handle((_, _) -> true).join();
          if (renaming.isCompletedExceptionally()) {
            throw e;
          }
        }
        renaming.join();
        return before;
      } catch (CompletionException e) {
        SQLException refused =
            SqlStates.sqlException(e).orElseThrow(() -> new IllegalStateException(e));
        if (!OBJECT_IN_USE.equals(refused.getSQLState())) {
          throw refused;
        }
        if (attempt == RENAME_ATTEMPTS) {
          throw sessionsStay(refused, staying);
        }
      }
    }
  }

  private static Failure sessionsStay(SQLException refused, Set<String> staying) {
    return Failure.of(ExitCode.FAILED, "sessions in the database cannot be ended")
        .where(
            staying.isEmpty() ? String.valueOf(refused.getMessage()) : String.join("; ", staying))
        .state("the database was not changed")
        .next(
            "end them, or give admin credentials (--admin-user, --admin-password-file), and run the"
                + " same command again")
        .causedBy(refused);
  }

  private void rename(Optional<String> before) {
    try {
      maintenance.setAutoCommit(false);
      try {
        String comment = "";
        if (before.isPresent()) {
          comment = first("coalesce(shobj_description(oid, 'pg_database'), '')", database);
          execute(
              "ALTER DATABASE %s RENAME TO %s"
                  .formatted(Sql.identifier(database), Sql.identifier(before.get())));
          comment(before.get(), old.comment());
        }
        execute(
            "ALTER DATABASE %s RENAME TO %s"
                .formatted(Sql.identifier(staging), Sql.identifier(database)));
        comment(database, comment);
        takeOver(before);
        maintenance.commit();
      } catch (SQLException | RuntimeException | Error e) {
        if (!SqlStates.connectionLost(e)) {
          maintenance.rollback();
        }
        throw e;
      } finally {
        if (!maintenance.isClosed()) {
          maintenance.setAutoCommit(true);
        }
      }
    } catch (SQLException e) {
      throw new CompletionException(e);
    }
  }

  private void comment(String name, String text) throws SQLException {
    execute("COMMENT ON DATABASE %s IS %s".formatted(Sql.identifier(name), Sql.literal(text)));
  }

  /** Copies the connection limit, and whether it is a template, which could not be dropped. */
  private void takeOver(Optional<String> before) throws SQLException {
    String name = Sql.identifier(database);
    execute(
        "ALTER DATABASE %s CONNECTION LIMIT %s"
            .formatted(
                name, before.isPresent() ? first("datconnlimit::text", before.get()) : "-1"));
    if (before.isPresent() && first("datistemplate::text", before.get()).equals("true")) {
      execute("ALTER DATABASE %s IS_TEMPLATE true".formatted(name));
      execute("ALTER DATABASE %s IS_TEMPLATE false".formatted(Sql.identifier(before.get())));
    }
  }

  /** A column of a database; empty if it does not exist, which the next statement reports. */
  private String first(String what, String name) throws SQLException {
    return CatalogQuery.rows(
            maintenance,
            "SELECT %s FROM pg_database WHERE datname = %s".formatted(what, Sql.literal(name)),
            row -> row.getString(1))
        .stream()
        .findFirst()
        .orElse("");
  }

  private void execute(String sql) throws SQLException {
    Sql.execute(maintenance, sql);
  }

  /** Ends all sessions in both databases; returns descriptions of those that it cannot end. */
  private List<String> endSessions(Connection ending) throws SQLException {
    List<String> staying = new ArrayList<>();
    List<Integer> pids = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    try (PreparedStatement statement =
        ending.prepareStatement(
            "SELECT a.pid, %s FROM pg_stat_activity a WHERE a.datname IN (?, ?) AND a.usename IS NOT NULL"
                .formatted(SessionText.SQL))) {
      statement.setString(1, database);
      statement.setString(2, staging);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          pids.add(row.getInt(1));
          texts.add(row.getString(2));
        }
      }
    }
    for (int i = 0; i < pids.size(); i++) {
      try (PreparedStatement end = ending.prepareStatement("SELECT pg_terminate_backend(?)")) {
        end.setInt(1, pids.get(i));
        end.execute();
      } catch (SQLException e) {
        if (!SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
          throw e;
        }
        staying.add(texts.get(i));
      }
    }
    return staying;
  }
}
