package org.learnflow.db.backup;

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
import org.learnflow.db.DatabaseDrop;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.SessionText;
import org.learnflow.db.SqlStates;
import org.postgresql.PGConnection;

/**
 * A side database that is made, filled by others, and put in another's place.
 *
 * <p>Both renames are one transaction. The first one locks the database, so that new sessions wait,
 * and fails only where old ones are still there after five seconds (CountOtherDBBackends in
 * PostgreSQL's procarray.c); meanwhile a second session ends them. So there is no moment at which a
 * kill leaves anything but the old database or the new one under the name.
 */
public final class Swap {
  /** The database that everybody may connect to while others are renamed. */
  public static final String MAINTENANCE_DATABASE = "postgres";

  private static final String STEP = "restore";
  private static final String SIDE_COMMENT =
      "learnflow-db restore: being loaded; the next restore drops it";
  private static final String OLD_COMMENT = "learnflow-db restore: what was there before";
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyyMMddHHmmss").withZone(ZoneOffset.UTC);

  /** PostgreSQL cuts longer names. */
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

  private static String named(String database, String suffix) {
    int most = LONGEST_NAME - suffix.length();
    return (database.length() > most ? database.substring(0, most) : database) + suffix;
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

  /** Whether a database of the side's name is a leftover, or empty, and may be dropped. */
  public boolean isLeftover(String name) throws SQLException {
    return first(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = ?", name)
        .filter(SIDE_COMMENT::equals)
        .isPresent();
  }

  /** Drops a database with its sessions. */
  public void drop(String name) throws SQLException {
    DatabaseDrop.drop(maintenance, name);
  }

  /**
   * Makes the side database as the old one is: encoding, locale, tablespace, connection limit,
   * rights.
   */
  public void makeSide(String owner) throws SQLException {
    String side = quoted(side());
    execute(
        "CREATE DATABASE %s OWNER %s TEMPLATE template0 %s"
            .formatted(side, quoted(owner), likeOld()));
    execute("COMMENT ON DATABASE %s IS '%s'".formatted(side, SIDE_COMMENT));
    for (String grant : grants(side)) {
      execute(grant);
    }
  }

  private String likeOld() throws SQLException {
    return first(
            """
            SELECT format('ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(d.encoding),
                          d.datcollate, d.datctype)
              || CASE d.datlocprovider
                   WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', l.locale)
                   WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', l.locale)
                   ELSE '' END
              || CASE WHEN t.spcname = 'pg_default' THEN '' ELSE format(' TABLESPACE %I', t.spcname) END
              || format(' CONNECTION LIMIT %s', d.datconnlimit)
            FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace,
              LATERAL (SELECT coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'))
                AS l (locale)
            WHERE d.datname = ?
            """,
            database)
        .orElse("ENCODING 'UTF8'");
  }

  private List<String> grants(String side) throws SQLException {
    List<String> grants = new ArrayList<>();
    try (PreparedStatement statement =
        maintenance.prepareStatement(
            """
            SELECT format('REVOKE ALL ON DATABASE %s FROM PUBLIC', ?::text)
            FROM pg_database WHERE datname = ? AND datacl IS NOT NULL
            UNION ALL
            SELECT format('GRANT %s ON DATABASE %s TO %s%s', a.privilege_type, ?::text,
                          CASE a.grantee WHEN 0 THEN 'PUBLIC'
                                         ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                          CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM pg_database d, aclexplode(d.datacl) a
            WHERE d.datname = ? AND a.grantee <> d.datdba
            """)) {
      statement.setString(1, side);
      statement.setString(2, database);
      statement.setString(3, side);
      statement.setString(4, database);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          grants.add(row.getString(1));
        }
      }
    }
    return grants;
  }

  /**
   * Makes settings in the side database; what the role may not, is told with the SQL.
   *
   * @param setting a session of the admin, if there is one: roles' own settings and many others are
   *     for admins
   */
  public void set(Connection setting, List<DatabaseSetting> settings) throws SQLException {
    for (DatabaseSetting one : settings) {
      try (Statement statement = setting.createStatement()) {
        statement.execute(one.sql(setting, side()));
      } catch (SQLException e) {
        if (SqlStates.connectionLost(e)) {
          throw e;
        }
        progress.line(
            STEP,
            "warning: a setting of the database could not be made (%s); afterwards, as the admin: %s"
                .formatted(e.getMessage(), one.sql(setting, database)));
      }
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
        while (!renaming.isDone()) {
          staying.clear();
          staying.addAll(endSessions(ending));
          pause();
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
              "ALTER DATABASE %s RENAME TO %s".formatted(quoted(database), quoted(before.get())));
          execute("COMMENT ON DATABASE %s IS '%s'".formatted(quoted(before.get()), OLD_COMMENT));
        }
        execute("ALTER DATABASE %s RENAME TO %s".formatted(quoted(side()), quoted(database)));
        execute(
            "COMMENT ON DATABASE %s IS '%s'"
                .formatted(
                    quoted(database),
                    maintenance.unwrap(PGConnection.class).escapeLiteral(comment)));
        maintenance.commit();
      } catch (SQLException e) {
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

  private String quoted(String name) throws SQLException {
    return maintenance.unwrap(PGConnection.class).escapeIdentifier(name);
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = maintenance.createStatement()) {
      statement.execute(sql);
    }
  }
}
