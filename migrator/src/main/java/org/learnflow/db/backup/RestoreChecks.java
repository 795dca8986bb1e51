package org.learnflow.db.backup;

import java.sql.SQLException;
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
}
