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
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.DatabaseDrop;
import org.learnflow.db.postgres.DatabaseLikeness;
import org.learnflow.db.postgres.Identifier;
import org.learnflow.db.postgres.SessionText;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.SqlText;

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
  private static final String OLD_COMMENT = "learnflow-db restore: what was there before in ";
  private static final String OLD_SUFFIX = "_before_restore_";
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyyMMddHHmmss").withZone(ZoneOffset.UTC);

  /**
   * The side database's connection limit, "lf" and a number, until it is in its place: what tells
   * it from somebody else's, since CREATE DATABASE takes no comment.
   */
  private static final int SIDE_LIMIT = 0x6c66_0006;

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
    return Identifier.derived(database, "_restore");
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

  /** Logical replication slots of a database that nobody reads from at present. */
  public List<String> slots(String name) throws SQLException {
    return slots(name, "NOT active");
  }

  private List<String> slots(String name, String condition) throws SQLException {
    return CatalogQuery.rows(
        maintenance,
        "SELECT slot_name FROM pg_replication_slots WHERE %s AND database = %s ORDER BY 1"
            .formatted(condition, SqlText.literal(name)),
        row -> row.getString(1));
  }

  /**
   * Refuses what the server would not drop, before anything is dropped.
   *
   * @throws Failure 10 where subscriptions or slots that are in use are left in a database
   */
  public void requireDroppable(String name) throws SQLException {
    List<String> subscriptions =
        CatalogQuery.rows(
            maintenance,
            """
            SELECT s.subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
            WHERE d.datname = %s ORDER BY 1
            """
                .formatted(SqlText.literal(name)),
            row -> row.getString(1));
    List<String> slots = slots(name, "active");
    if (subscriptions.isEmpty() && slots.isEmpty()) {
      return;
    }
    throw Failure.of(
            ExitCode.REFUSED,
            "database %s is still part of logical replication: %s"
                .formatted(
                    name,
                    Stream.concat(
                            subscriptions.stream().map(one -> "subscription " + one),
                            slots.stream().map(one -> "replication slot %s, in use".formatted(one)))
                        .collect(Collectors.joining(", "))))
        .state("nothing was dropped")
        .next(
            subscriptions.isEmpty()
                ? "end what reads from it, and then, as the admin: SELECT pg_drop_replication_slot('%s');"
                    .formatted(slots.getFirst())
                : """
                as the admin, in that database: ALTER SUBSCRIPTION %1$s DISABLE; ALTER SUBSCRIPTION %1$s SET (slot_name = NONE); \
                DROP SUBSCRIPTION %1$s; the publisher keeps its slot until it is dropped there\
                """
                    .formatted(SqlText.identifier(subscriptions.getFirst())));
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
    return first(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datconnlimit = %d AND datname = ?"
                .formatted(SIDE_LIMIT),
            name)
        .filter(owner::equals)
        .isPresent();
  }

  /** Drops a database with its sessions. */
  public void drop(String name) throws SQLException {
    DatabaseDrop.drop(maintenance, name);
  }

  /**
   * Makes the side database as the old one is: encoding, locale, tablespace.
   *
   * @param owner of it, as of the old one
   * @param otherwise how it is made where there is no old one
   */
  public void makeSide(String owner, Optional<DatabaseLikeness> otherwise) throws SQLException {
    String side = SqlText.identifier(side());
    execute(
        "CREATE DATABASE %s OWNER %s TEMPLATE template0 %s%s CONNECTION LIMIT %d"
            .formatted(
                side,
                SqlText.identifier(owner),
                likeness()
                    .or(() -> otherwise)
                    .map(DatabaseLikeness::clause)
                    .orElse("ENCODING 'UTF8'"),
                DatabaseLikeness.tablespace(maintenance, database),
                SIDE_LIMIT));
    execute("COMMENT ON DATABASE %s IS '%s'".formatted(side, SIDE_COMMENT));
  }

  /** How the database encodes and sorts, where it is there. */
  public Optional<DatabaseLikeness> likeness() throws SQLException {
    return DatabaseLikeness.of(maintenance, database);
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
    // What the owner has taken from itself comes last, for it gives the others theirs.
    List<String> grants =
        CatalogQuery.rows(
            maintenance,
            SqlText.filled(
                """
                SELECT format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, @SIDE@,
                              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
                FROM pg_database d, aclexplode(d.datacl) a
                WHERE d.datname = @DATABASE@ AND a.grantee <> d.datdba
                UNION ALL
                SELECT format('REVOKE %s ON DATABASE %I FROM %I', o.privilege_type, @SIDE@, pg_get_userbyid(d.datdba))
                FROM pg_database d, aclexplode(acldefault('d', d.datdba)) o
                WHERE d.datname = @DATABASE@ AND o.grantee = d.datdba
                  AND NOT EXISTS (SELECT FROM aclexplode(d.datacl) a
                                  WHERE a.grantee = d.datdba AND a.privilege_type = o.privilege_type)
                """,
                Map.of("SIDE", SqlText.literal(side()), "DATABASE", SqlText.literal(database))),
            row -> row.getString(1));
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
      Optional<SQLException> refused = refusal(owner, one.role(), one.sql(side()));
      if (refused.isPresent()) {
        progress.line(
            STEP,
            "warning: a setting of the database was left out (%s); afterwards, if you want it, as the admin: %s"
                .formatted(refused.get().getMessage(), one.sql(database)));
      }
    }
  }

  /** Gives the side database the security labels of the old one, or tells how to. */
  public void labelAsBefore() throws SQLException {
    List<List<String>> labels =
        CatalogQuery.rows(
            maintenance,
            """
            SELECT l.provider, l.label FROM pg_shseclabel l JOIN pg_database d ON d.oid = l.objoid
            WHERE l.classoid = 'pg_database'::regclass AND d.datname = %s
            """
                .formatted(SqlText.literal(database)),
            row -> List.of(row.getString(1), row.getString(2)));
    for (List<String> label : labels) {
      String sql =
          "SECURITY LABEL FOR %s ON DATABASE %%s IS %s"
              .formatted(
                  SqlText.identifier(label.getFirst()).replace("%", "%%"),
                  SqlText.literal(label.getLast()).replace("%", "%%"));
      Optional<SQLException> refused =
          refusal(maintenance, "", sql.formatted(SqlText.identifier(side())));
      if (refused.isPresent()) {
        progress.line(
            STEP,
            "warning: a security label of the database was left out (%s); afterwards, as the admin: %s"
                .formatted(
                    refused.get().getMessage(), sql.formatted(SqlText.identifier(database))));
      }
    }
  }

  /** What the server said to a statement; nothing where it was done. */
  private static Optional<SQLException> refusal(Connection connection, String role, String sql)
      throws SQLException {
    try {
      if (!role.isEmpty()) {
        SqlText.execute(connection, "SET ROLE " + SqlText.identifier(role));
      }
      SqlText.execute(connection, sql);
      return Optional.empty();
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      return Optional.of(e);
    } finally {
      if (!role.isEmpty() && !connection.isClosed()) {
        SqlText.execute(connection, "RESET ROLE");
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
    String name = Identifier.derived(database, OLD_SUFFIX + TIME.format(time));
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
              "COMMENT ON DATABASE %s IS %s"
                  .formatted(
                      SqlText.identifier(before.get()), SqlText.literal(OLD_COMMENT + database)));
        }
        execute(
            "ALTER DATABASE %s RENAME TO %s"
                .formatted(SqlText.identifier(side()), SqlText.identifier(database)));
        execute(
            "COMMENT ON DATABASE %s IS %s"
                .formatted(SqlText.identifier(database), SqlText.literal(comment)));
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

  /** Connection limit, and whether it is a template, which could not be dropped. */
  private void takeOver(Optional<String> before) throws SQLException {
    String name = SqlText.identifier(database);
    String limit = "SELECT datconnlimit FROM pg_database WHERE datname = ?";
    execute(
        "ALTER DATABASE %s CONNECTION LIMIT %s"
            .formatted(name, before.isPresent() ? first(limit, before.get()).orElse("-1") : "-1"));
    String template = "SELECT 1 FROM pg_database WHERE datistemplate AND datname = ?";
    if (before.isPresent() && first(template, before.get()).isPresent()) {
      execute("ALTER DATABASE %s IS_TEMPLATE true".formatted(name));
      execute("ALTER DATABASE %s IS_TEMPLATE false".formatted(SqlText.identifier(before.get())));
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

  /** What restores of exactly this database have put aside, oldest first. */
  public List<String> old() throws SQLException {
    String time = "yyyyMMddHHmmss";
    String example = Identifier.derived(database, OLD_SUFFIX + time);
    String before = example.substring(0, example.length() - time.length());
    return CatalogQuery.rows(
            maintenance,
            """
            SELECT datname FROM pg_database
            WHERE shobj_description(oid, 'pg_database') = %s AND pg_has_role(datdba, 'USAGE') ORDER BY 1
            """
                .formatted(SqlText.literal(OLD_COMMENT + database)),
            row -> row.getString(1))
        .stream()
        .filter(
            name -> name.startsWith(before) && name.substring(before.length()).matches("\\d{14}"))
        .toList();
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = maintenance.createStatement()) {
      statement.execute(sql);
    }
  }
}
