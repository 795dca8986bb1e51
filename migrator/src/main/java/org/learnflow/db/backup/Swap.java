package org.learnflow.db.backup;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.learnflow.db.CatalogQuery;
import org.learnflow.db.DatabaseDrop;
import org.learnflow.db.DatabaseLikeness;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.SessionText;
import org.learnflow.db.SqlStates;
import org.learnflow.db.SqlText;

/**
 * A side database that is made, filled by others, and put in another's place.
 *
 * <p>Both renames are one transaction. The first one locks the database, so that new sessions wait,
 * and fails only where old ones are still there after five seconds (CountOtherDBBackends in
 * PostgreSQL's procarray.c); meanwhile a second session ends them. So there is no moment at which a
 * kill leaves anything but the old database or the new one under the name.
 */
public final class Swap {
  private static final String STEP = "restore";
  private static final String SIDE_COMMENT =
      "learnflow-db restore: being loaded; the next restore drops it";
  private static final String OLD_COMMENT = "learnflow-db restore: what was there before";
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyyMMddHHmmss").withZone(ZoneOffset.UTC);

  /** Bytes; PostgreSQL cuts longer names. */
  private static final int LONGEST_NAME = 63;

  private static final int RENAME_ATTEMPTS = 3;
  private static final long ENDING_PAUSE_MILLIS = 50;
  private static final String OBJECT_IN_USE = "55006";

  private final Connection maintenance;
  private final String database;
  private final Progress progress;

  /**
   * A swap.
   *
   * @param maintenance a session in the maintenance database, of a role that may make databases and
   *     is, or is a member of, the owner; in autocommit mode
   * @param database whose place is taken
   */
  public Swap(Connection maintenance, String database, Progress progress) {
    this.maintenance = maintenance;
    this.database = database;
    this.progress = progress;
  }

  /** Name of the side database. */
  public String side() {
    return side(database);
  }

  /** Name of the side database of {@code database}. */
  public static String side(String database) {
    return named(database, "_restore");
  }

  /** What would be too long is cut, and told apart by a hash of the whole name. */
  private static String named(String database, String suffix) {
    if (bytes(database + suffix) <= LONGEST_NAME) {
      return database + suffix;
    }
    String hash = "_" + Sha256.of(database.getBytes(StandardCharsets.UTF_8)).substring(0, 8);
    String cut = database;
    while (bytes(cut + hash + suffix) > LONGEST_NAME) {
      cut = cut.substring(0, cut.offsetByCodePoints(cut.length(), -1));
    }
    return cut + hash + suffix;
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  /** Whether the database is there. */
  public boolean exists() throws SQLException {
    return exists(database);
  }

  /** Whether a database is there. */
  public boolean exists(String name) throws SQLException {
    return first("SELECT 1 FROM pg_database WHERE datname = ?", name).isPresent();
  }

  private Optional<String> first(String query, String parameter) throws SQLException {
    try (PreparedStatement statement = maintenance.prepareStatement(query)) {
      statement.setString(1, parameter);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() ? Optional.ofNullable(row.getString(1)) : Optional.empty();
      }
    }
  }

  /** Sessions of others in the database. */
  public int sessions() throws SQLException {
    return Integer.parseInt(
        first(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = ? AND usename IS NOT NULL",
                database)
            .orElse("0"));
  }

  /** Transactions that were prepared and outlive their sessions; a rename is refused then. */
  public int preparedTransactions() throws SQLException {
    return Integer.parseInt(
        first("SELECT count(*) FROM pg_prepared_xacts WHERE database = ?", database).orElse("0"));
  }

  /** Settings of the database, which a dump does not hold. */
  public List<DatabaseSetting> settings() throws SQLException {
    return DatabaseSetting.of(maintenance, database);
  }

  /** Those of {@code roles} that this server does not have. */
  public List<String> missingRoles(List<String> roles) throws SQLException {
    List<String> missing = new ArrayList<>();
    for (String role : roles) {
      if (first("SELECT 1 FROM pg_roles WHERE rolname = ?", role).isEmpty()) {
        missing.add(role);
      }
    }
    return missing;
  }

  /**
   * Whether a database of the side's name is a leftover of a restore, which may be dropped.
   *
   * @param owner whose databases are looked at; nobody else's is a leftover
   */
  public boolean isLeftover(String name, String owner) throws SQLException {
    return isOf(name, owner)
        && first(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = ?",
                name)
            .filter(SIDE_COMMENT::equals)
            .isPresent();
  }

  /** Whether a database belongs to a role. */
  public boolean isOf(String name, String owner) throws SQLException {
    return first("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = ?", name)
        .filter(owner::equals)
        .isPresent();
  }

  /** Drops a database with its sessions. */
  public void drop(String name) throws SQLException {
    DatabaseDrop.drop(maintenance, name);
  }

  /**
   * Makes the side database as the old one is: encoding, locale, tablespace, connection limit.
   *
   * @param owner of it, as of the old one
   */
  public void makeSide(String owner) throws SQLException {
    String side = SqlText.identifier(side());
    execute(
        "CREATE DATABASE %s OWNER %s TEMPLATE template0 %s"
            .formatted(
                side,
                SqlText.identifier(owner),
                DatabaseLikeness.whole(maintenance, database).orElse("ENCODING 'UTF8'")));
    execute("COMMENT ON DATABASE %s IS '%s'".formatted(side, SIDE_COMMENT));
  }

  /**
   * Lets a role fill the side database, which stays its owner's: the role may make what it likes in
   * it, and change nothing of the database itself.
   *
   * @param inside a session of the owner in the side database
   */
  public void letIn(Connection inside, String role) throws SQLException {
    String name = SqlText.identifier(role);
    try (Statement statement = inside.createStatement()) {
      statement.execute(
          "GRANT CREATE, CONNECT, TEMPORARY ON DATABASE %s TO %s"
              .formatted(SqlText.identifier(side()), name));
      statement.execute("ALTER SCHEMA public OWNER TO " + name);
    }
  }

  /** Gives others the same rights on the side database as they have on the old one. */
  public void grantAsBefore() throws SQLException {
    String side = SqlText.identifier(side());
    if (first("SELECT 1 FROM pg_database WHERE datacl IS NOT NULL AND datname = ?", database)
        .isEmpty()) {
      return;
    }
    execute("REVOKE ALL ON DATABASE %s FROM PUBLIC".formatted(side));
    List<String> grants =
        CatalogQuery.rows(
            maintenance,
            """
            SELECT a.privilege_type, r.rolname, a.is_grantable
            FROM pg_database d, aclexplode(d.datacl) WITH ORDINALITY a (grantor, grantee, privilege_type, is_grantable, number)
              LEFT JOIN pg_roles r ON r.oid = a.grantee
            WHERE d.datname = %s AND a.grantee <> d.datdba ORDER BY a.number
            """
                .formatted(SqlText.literal(database)),
            row -> {
              String grantee = row.getString(2);
              return "GRANT %s ON DATABASE %s TO %s%s"
                  .formatted(
                      row.getString(1),
                      side,
                      grantee == null ? "PUBLIC" : SqlText.identifier(grantee),
                      row.getBoolean(3) ? " WITH GRANT OPTION" : "");
            });
    for (String grant : grants) {
      execute(grant);
    }
  }

  /**
   * Makes settings in the side database: those of the database as its owner, those of a role as
   * that role itself, so that none needs an admin. What may not be made so is told with the SQL.
   *
   * @param owner a session of the owner
   */
  public void set(Connection owner, List<DatabaseSetting> settings) throws SQLException {
    for (DatabaseSetting one : settings) {
      try (Statement statement = owner.createStatement()) {
        if (!one.role().isEmpty()) {
          statement.execute("SET ROLE " + SqlText.identifier(one.role()));
        }
        statement.execute(one.sql(side()));
      } catch (SQLException e) {
        if (SqlStates.connectionLost(e)) {
          throw e;
        }
        progress.line(
            STEP,
            "warning: a setting of the database was left out (%s); afterwards, if you want it, as the admin: %s"
                .formatted(e.getMessage(), one.sql(database)));
      } finally {
        resetRole(owner);
      }
    }
  }

  private static void resetRole(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("RESET ROLE");
    }
  }

  /**
   * Puts the side database in the place of the other.
   *
   * @param ending a session in the maintenance database of a role that may end others' sessions
   * @return the name that the old database has now, if there was one
   * @throws Failure 1 where sessions cannot be ended
   */
  public Optional<String> swap(Connection ending) throws SQLException {
    Optional<String> before = exists() ? Optional.of(freeName(Instant.now())) : Optional.empty();
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
            pause();
          }
        } catch (SQLException | RuntimeException e) {
          // It may still be done: how things are now can be said only after its end.
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

  /** Of the old database; two restores may come within a second. */
  private String freeName(Instant time) throws SQLException {
    String name = named(database, "_before_restore_" + TIME.format(time));
    return exists(name) ? freeName(time.plusSeconds(1)) : name;
  }

  private static Failure sessionsStay(SQLException refused, Set<String> staying) {
    return Failure.of(ExitCode.FAILED, "sessions in the database cannot be ended")
        .where(
            staying.isEmpty() ? String.valueOf(refused.getMessage()) : String.join("; ", staying))
        .state("the database is as it was")
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
          comment =
              first(
                      "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = ?",
                      database)
                  .orElse("");
          execute(
              "ALTER DATABASE %s RENAME TO %s"
                  .formatted(SqlText.identifier(database), SqlText.identifier(before.get())));
          execute(
              "COMMENT ON DATABASE %s IS '%s'"
                  .formatted(SqlText.identifier(before.get()), OLD_COMMENT));
        }
        execute(
            "ALTER DATABASE %s RENAME TO %s"
                .formatted(SqlText.identifier(side()), SqlText.identifier(database)));
        execute(
            "COMMENT ON DATABASE %s IS %s"
                .formatted(SqlText.identifier(database), SqlText.literal(comment)));
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

  /** Ends all sessions in both databases; those that it may not end, in words. */
  private List<String> endSessions(Connection ending) throws SQLException {
    List<String> staying = new ArrayList<>();
    List<Integer> pids = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    try (PreparedStatement statement =
        ending.prepareStatement(
            "SELECT a.pid, %s FROM pg_stat_activity a WHERE a.datname IN (?, ?) AND a.usename IS NOT NULL"
                .formatted(SessionText.SQL))) {
      statement.setString(1, database);
      statement.setString(2, side());
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

  /** Ends the sessions in the side database, so that what loads it fails. */
  public void endLoading(Connection ending) {
    try (PreparedStatement end =
        ending.prepareStatement(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?")) {
      end.setString(1, side());
      end.execute();
    } catch (SQLException e) {
      progress.line(STEP, "loading could not be ended: " + e.getMessage());
    }
  }

  private static void pause() {
    try {
      Thread.sleep(ENDING_PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.of(ExitCode.FAILED, "interrupted").causedBy(e);
    }
  }

  /** What restores have put aside, oldest first. */
  public List<String> old() throws SQLException {
    List<String> names = new ArrayList<>();
    try (PreparedStatement statement =
        maintenance.prepareStatement(
            """
            SELECT datname FROM pg_database
            WHERE shobj_description(oid, 'pg_database') = ? AND starts_with(datname, ?) ORDER BY 1
            """)) {
      statement.setString(1, OLD_COMMENT);
      String example = named(database, "_before_restore_" + TIME.format(Instant.EPOCH));
      statement.setString(2, example.substring(0, example.length() - "yyyyMMddHHmmss".length()));
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          names.add(row.getString(1));
        }
      }
    }
    return names;
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = maintenance.createStatement()) {
      statement.execute(sql);
    }
  }
}
