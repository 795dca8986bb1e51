package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import javax.sql.DataSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.DatabaseDrop;
import org.learnflow.db.postgres.DatabaseLikeness;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * An empty database next to the real one, to try things in; dropped at close. Only its owner can
 * connect.
 *
 * <p>The session that creates it holds an advisory lock whose key is in the name, from before the
 * database is created until it is dropped. One without a holder was left by a kill, and the next
 * run drops it.
 */
public final class ScratchDatabase implements AutoCloseable {
  /** The prefix of the names. */
  public static final String PREFIX = "learnflow_db_scratch_";

  private static final String STEP = "scratch";

  /**
   * "lf"; the locks of {@link org.learnflow.db.postgres.AdvisoryLock} have one key instead of two.
   */
  private static final int LOCK_CLASS = 0x6c66;

  /**
   * The snapshot of pg_database is older than what pg_locks shows, so none is dropped too early.
   */
  private static final String LEFTOVERS =
      """
      SELECT d.datname FROM pg_database d
      WHERE d.datname ~ '^%1$s[0-9a-f]{8}$' AND d.datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
        AND NOT EXISTS (
          SELECT FROM pg_locks l
          WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = %2$d
            AND d.datname = '%1$s' || lpad(to_hex(l.objid::bigint), 8, '0'))
      """
          .formatted(PREFIX, LOCK_CLASS);

  private final Connection connection;
  private final String name;
  private final int key;
  private final DataSource source;
  private final Progress progress;

  private ScratchDatabase(
      Connection connection, String name, int key, DataSource source, Progress progress) {
    this.connection = connection;
    this.name = name;
    this.key = key;
    this.source = source;
    this.progress = progress;
  }

  /**
   * Creates a database, after dropping those that were left by a kill.
   *
   * @param connection a session of the owner in the real database, in autocommit mode; stays open
   *     for as long as the scratch database is used
   * @param databases sessions of the owner in a database of that server, by its name
   * @param admin sessions of an admin in another database, who creates it if the owner cannot
   * @throws Failure 10 if nobody can
   */
  public static ScratchDatabase create(
      Connection connection,
      Function<String, DataSource> databases,
      Optional<DataSource> admin,
      Progress progress)
      throws SQLException {
    sweep(connection, progress);
    int key = lockedKey(connection);
    String name = PREFIX + "%08x".formatted(key);
    ScratchDatabase scratch =
        new ScratchDatabase(connection, name, key, databases.apply(name), progress);
    try {
      scratch.make(admin);
    } catch (SQLException | RuntimeException e) {
      scratch.close();
      throw e;
    }
    return scratch;
  }

  /** The same on the server of {@code access}, by its admin if the owner cannot. */
  public static ScratchDatabase create(
      Connection connection, DatabaseAccess access, Progress progress) throws SQLException {
    return create(
        connection,
        access::ownerSource,
        access.admin().map(sessions -> sessions.maintenance().source()),
        progress);
  }

  /** Drops what was left by a kill; what cannot be dropped now is left to the next run. */
  public static void sweep(Connection connection, Progress progress) throws SQLException {
    List<String> leftovers = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(LEFTOVERS)) {
      while (rows.next()) {
        leftovers.add(rows.getString(1));
      }
    }
    for (String leftover : leftovers) {
      try {
        DatabaseDrop.drop(connection, leftover);
        progress.line(STEP, "dropped %s, left by a run that was killed".formatted(leftover));
      } catch (SQLException e) {
        if (SqlStates.connectionLost(e)) {
          throw e;
        }
        progress.line(STEP, "%s could not be dropped: %s".formatted(leftover, e.getMessage()));
      }
    }
  }

  private static int lockedKey(Connection connection) throws SQLException {
    while (true) {
      int key = ThreadLocalRandom.current().nextInt();
      try (PreparedStatement lock =
          connection.prepareStatement("SELECT pg_try_advisory_lock(?, ?)")) {
        lock.setInt(1, LOCK_CLASS);
        lock.setInt(2, key);
        try (ResultSet row = lock.executeQuery()) {
          if (row.next() && row.getBoolean(1)) {
            return key;
          }
        }
      }
    }
  }

  private void make(Optional<DataSource> admin) throws SQLException {
    List<String> owner =
        CatalogQuery.rows(
            connection,
            "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)",
            row -> row.getString(1));
    if (owner.isEmpty()) {
      makeAsAdmin(admin.orElseThrow(this::refused));
    } else {
      create(connection);
    }
    Sql.execute(connection, "REVOKE ALL ON DATABASE " + name + " FROM PUBLIC");
    Sql.execute(connection, "ALTER DATABASE " + name + " ALLOW_CONNECTIONS true");
  }

  /** Nobody can connect before PUBLIC's privilege to connect is revoked. */
  private void create(Connection making) throws SQLException {
    Sql.execute(
        making,
        "CREATE DATABASE %s OWNER %s TEMPLATE template0 ALLOW_CONNECTIONS false %s"
            .formatted(
                name,
                Sql.identifier(connection.getMetaData().getUserName()),
                DatabaseLikeness.of(making, connection.getCatalog())
                    .map(DatabaseLikeness::clause)
                    .orElse("")));
  }

  private void makeAsAdmin(DataSource admin) throws SQLException {
    try (Connection session = admin.getConnection()) {
      create(session);
    } catch (SQLException e) {
      if (SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
        throw refused().causedBy(e);
      }
      throw e;
    }
  }

  private Failure refused() {
    try {
      String owner =
          Sql.value(connection, "SELECT pg_catalog.quote_ident(current_user)").orElseThrow();
      return Failure.of(
              ExitCode.REFUSED, owner + " cannot create the scratch database that is needed")
          .state("nothing was changed")
          .next("as an admin: ALTER ROLE %s CREATEDB; or add --admin-user".formatted(owner));
    } catch (SQLException e) {
      throw new IllegalStateException("the owner's session is lost", e);
    }
  }

  /** Its name. */
  public String name() {
    return name;
  }

  /** Sessions of the owner in it. */
  public DataSource source() {
    return source;
  }

  /** Drops it; if that fails, the next run does. */
  @Override
  public void close() {
    try {
      DatabaseDrop.drop(connection, name);
      Sql.execute(connection, "SELECT pg_advisory_unlock(%d, %d)".formatted(LOCK_CLASS, key));
    } catch (SQLException e) {
      progress.line(
          STEP,
          "%s could not be dropped, the next run drops it: %s".formatted(name, e.getMessage()));
    }
  }
}
