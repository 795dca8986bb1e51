package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.DatabaseLikeness;
import org.learnflow.db.postgres.Sql;

/**
 * What a restore refuses or warns about, before it creates anything on the server.
 *
 * @param target the running database
 */
record RestoreChecks(LiveDatabase live, Target target, Progress progress) {
  private static final String STEP = "restore";

  /** Refuses the maintenance database, because renaming the others needs a session in it. */
  static void requireNotMaintenance(Target target) {
    if (target.owner().database().equals(DatabaseAddress.MAINTENANCE_DATABASE)) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "database postgres cannot be replaced: other databases are renamed from there")
          .next(
              "load the dump with pg_restore: docs/how-to/restore.md; or choose another database");
    }
  }

  /** Refuses a server without the service role, which gets its privileges in the dump. */
  void requireService() throws SQLException {
    List<String> missing = missingRoles(target.names().serviceRoles());
    if (!missing.isEmpty()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "role %s, which services connect as, does not exist on this server"
                  .formatted(missing.getFirst()))
          .next(
              "create it: learnflow-db roles, with admin credentials; then run the same command again");
    }
  }

  /**
   * Refuses a database that cannot be renamed, or that has rows.
   *
   * @param owner a session of the owner in it
   * @param replace whether it may have rows
   */
  void requireReplaceable(Session owner, boolean replace) throws SQLException {
    if (!live.exists()) {
      return;
    }
    if (live.preparedTransactions() > 0) {
      throw BackupFailures.refused(
              ExitCode.REFUSED, "the database has prepared transactions, so it cannot be renamed")
          .next(
              "end them: SELECT gid, prepared, owner FROM pg_prepared_xacts; ROLLBACK PREPARED ...");
    }
    Optional<String> held = owner.run(STEP, Contents::whyNotEmpty);
    if (held.isPresent() && !replace) {
      throw BackupFailures.refused(ExitCode.REFUSED, held.get())
          .next(
              "back it up (learnflow-db backup FILE), and run the same command with --replace, which keeps the old database under another name");
    }
  }

  /** Free bytes on the disk of the server's data, if known. */
  OptionalLong freeBytes(DumpLoad load) {
    OptionalLong there = load.freeBytes();
    return there.isPresent() ? there : target.hosting().freeBytes();
  }

  /** Refuses a dump for which the server's disk has no space. */
  void requireSpace(DumpLoad load, OptionalLong wanted) {
    OptionalLong free = freeBytes(load);
    if (free.isEmpty() || wanted.isEmpty()) {
      progress.line(
          STEP, "cannot check here whether the server's disk has space for another database");
      return;
    }
    if (free.getAsLong() < wanted.getAsLong()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "the server's disk has %d MiB free, and the dump needs about %d MiB more"
                  .formatted(free.getAsLong() >> 20, wanted.getAsLong() >> 20))
          .where(load.place())
          .next(
              "free some space, for example with learnflow-db restore --drop-old; or grow the volume:"
                  + " docs/how-to/volume.md");
    }
  }

  /** Refuses a dump that grants privileges to roles that do not exist on the server. */
  void requireRoles(List<String> roles) throws SQLException {
    List<String> missing = missingRoles(roles);
    if (!missing.isEmpty()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "the dump grants privileges to roles that do not exist on this server: "
                  + String.join(", ", missing))
          .next("create them: CREATE ROLE ...; or leave out these privileges: --no-acl");
    }
  }

  private List<String> missingRoles(List<String> roles) throws SQLException {
    List<String> all =
        CatalogQuery.rows(
            live.maintenance(), "SELECT rolname FROM pg_roles", row -> row.getString(1));
    return roles.stream().filter(role -> !all.contains(role)).toList();
  }

  /**
   * Text sorts as in the running database, with all its indexes, if there is one; PostgreSQL does
   * not report this.
   */
  void noteDifference(Optional<DatabaseLikeness> dumped) throws SQLException {
    Optional<DatabaseLikeness> here = live.likeness();
    if (dumped.isPresent() && here.isPresent() && !dumped.equals(here)) {
      progress.line(
          STEP,
          "warning: the dumped database has %s; %s has %s and keeps it, so text may sort and compare differently. To keep the order of the dump, rename the database first (as the admin, while nobody is connected: ALTER DATABASE %s RENAME TO ...), and run the same command again"
              .formatted(
                  dumped.get().clause(),
                  live.name(),
                  here.get().clause(),
                  Sql.identifier(live.name())));
    }
  }

  /**
   * What the server's volume holds, as far as SQL shows it.
   *
   * @param used bytes of all databases that can be asked, and of as much WAL as there may be
   * @param database bytes of this database
   */
  record Room(long used, long database) {
    /** What a file system keeps for itself. */
    private static final double USABLE = 0.95;

    /** Indexes are built while others are still being loaded. */
    private static final double FACTOR = 1.2;

    static Room read(Connection connection) throws SQLException {
      try (Statement statement = connection.createStatement();
          ResultSet row =
              statement.executeQuery(
                  """
                  SELECT sum(pg_database_size(oid)) FILTER (WHERE has_database_privilege(oid, 'CONNECT'))
                         + pg_size_bytes(current_setting('max_wal_size')),
                         pg_database_size(current_database())
                  FROM pg_database
                  """)) {
        row.next();
        return new Room(row.getLong(1), row.getLong(2));
      }
    }

    void require(long volume) {
      long free = (long) (volume * USABLE) - used;
      long wanted = (long) (database * FACTOR);
      if (free < wanted) {
        throw BackupFailures.refused(
                ExitCode.REFUSED,
                "a drill needs about %d MiB more on the server's volume, which has %d MiB, of which about %d MiB may be in use"
                    .formatted(wanted >> 20, volume >> 20, used >> 20))
            .next(
                "enlarge the volume: docs/how-to/volume.md; or restore the dump on another server now and then, with backup.drill.schedule: \"\"");
      }
    }
  }
}
