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
import org.learnflow.db.postgres.SqlText;

/**
 * What a restore refuses, or warns of, before it makes anything on the server.
 *
 * @param target the live database
 */
record RestoreChecks(LiveDatabase live, Target target, Progress progress) {
  private static final String STEP = "restore";

  /** Refuses the maintenance database, from within which the others are renamed. */
  static void requireNotMaintenance(Target target) {
    if (target.owner().database().equals(DatabaseAddress.MAINTENANCE_DATABASE)) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "database postgres cannot be replaced: databases are renamed from within it")
          .next("load the dump by pg_restore: docs/how-to/restore.md; or name another database");
    }
  }

  /** Refuses a server without the service role, which gets its privileges in the dump. */
  void requireService() throws SQLException {
    String service = target.names().service();
    if (!missingRoles(List.of(service)).isEmpty()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "this server has no role %s, as which the services connect".formatted(service))
          .next(
              "make it: learnflow-db roles, with admin credentials; then run the same command again");
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
              ExitCode.REFUSED,
              "prepared transactions are left in the database, which cannot be renamed then")
          .next(
              "end them: SELECT gid, prepared, owner FROM pg_prepared_xacts; ROLLBACK PREPARED ...");
    }
    Optional<String> held = owner.run(STEP, Contents::whyNotEmpty);
    if (held.isPresent() && !replace) {
      throw BackupFailures.refused(ExitCode.REFUSED, held.get())
          .next(
              "back it up (learnflow-db backup FILE), and run the same command with --replace, which"
                  + " puts the database aside under another name");
    }
  }

  /** Free bytes on the disk of the server's data, where they can be known. */
  OptionalLong freeBytes(DumpLoad load) {
    OptionalLong there = load.freeBytes();
    return there.isPresent() ? there : target.hosting().freeBytes();
  }

  /** Refuses a dump for which the server's disk has no room. */
  void requireSpace(DumpLoad load, OptionalLong wanted) {
    OptionalLong free = freeBytes(load);
    if (free.isEmpty() || wanted.isEmpty()) {
      progress.line(
          STEP,
          "whether the server's disk has room for another database, this program cannot know here");
      return;
    }
    if (free.getAsLong() < wanted.getAsLong()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "the server's disk has %d MiB free, and the dump wants about %d MiB beside what is"
                      .formatted(free.getAsLong() >> 20, wanted.getAsLong() >> 20)
                  + " there")
          .where(load.place())
          .next(
              "make room, such as by learnflow-db restore --drop-old; or grow the volume:"
                  + " docs/how-to/volume.md");
    }
  }

  /** Refuses a dump that grants privileges to roles that do not exist on the server. */
  void requireRoles(List<String> roles) throws SQLException {
    List<String> missing = missingRoles(roles);
    if (!missing.isEmpty()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "the dump gives rights to roles that this server has not: "
                  + String.join(", ", missing))
          .next("make them: CREATE ROLE ...; or leave these rights away: --no-acl");
    }
  }

  private List<String> missingRoles(List<String> roles) throws SQLException {
    List<String> all =
        CatalogQuery.rows(
            live.maintenance(), "SELECT rolname FROM pg_roles", row -> row.getString(1));
    return roles.stream().filter(role -> !all.contains(role)).toList();
  }

  /**
   * Text sorts as the live database does, with all its indexes, where there is one; PostgreSQL does
   * not say so.
   */
  void noteDifference(Optional<DatabaseLikeness> dumped) throws SQLException {
    Optional<DatabaseLikeness> here = live.likeness();
    if (dumped.isPresent() && here.isPresent() && !dumped.equals(here)) {
      progress.line(
          STEP,
          "warning: the dump was made of a database with %s; %s has %s, and keeps it: text may sort and compare otherwise than it did. To have it as in the dump, rename the database first (as the admin, while nobody is connected: ALTER DATABASE %s RENAME TO ...), and run the same command again"
              .formatted(
                  dumped.get().clause(),
                  live.name(),
                  here.get().clause(),
                  SqlText.identifier(live.name())));
    }
  }
}
