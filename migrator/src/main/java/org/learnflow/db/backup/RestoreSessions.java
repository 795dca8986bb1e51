package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.SqlText;

/**
 * Who does what in a restore. The dump's content is run by the loading role only, which reaches
 * nothing but the staging database; the owner's sessions in databases of which that role has made
 * something are guarded; the admin stays in the maintenance database.
 *
 * @param access to the live database
 * @param loader as which the dump is loaded; nothing where the owner itself does it
 */
record RestoreSessions(DatabaseAccess access, Optional<ShortLivedRole> loader) {
  /**
   * Those of a restore.
   *
   * @param trustDump whether the owner loads the dump itself
   * @throws org.learnflow.db.Failure 10 where there is nobody who could make the loading role
   */
  static RestoreSessions of(DatabaseAccess access, boolean trustDump) {
    if (trustDump) {
      return new RestoreSessions(access, Optional.empty());
    }
    Target target = access.target();
    if (target.admin().isEmpty()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "a dump is loaded as a role made for it, which an admin has to make, and there are no"
                  + " admin credentials")
          .next(
              "give them: --admin-user, --admin-password-file; or, where you trust whoever had the dump"
                  + " in hands, load it as the owner: --trust-dump");
    }
    return new RestoreSessions(
        access,
        Optional.of(ShortLivedRole.of(ShortLivedRole.Work.LOADING, target.owner().database())));
  }

  Target live() {
    return access.target();
  }

  String database() {
    return live().owner().database();
  }

  String ownerName() {
    return live().owner().user();
  }

  String stagingName() {
    return StagingDatabase.name(database());
  }

  /** The staging database, as whoever loads it. */
  Target staging() {
    return live()
        .side(
            stagingName(),
            loader.map(ShortLivedRole::name).orElse(ownerName()),
            loader.map(ShortLivedRole::password).or(live()::password));
  }

  /** The same, to open sessions of whoever loads it. */
  DatabaseAccess stagingAccess() {
    return access.with(staging());
  }

  /** The owner in the maintenance database. */
  Session maintenance() {
    return access.ownerIn(DatabaseAddress.MAINTENANCE_DATABASE);
  }

  /** The owner in a database that it does not trust: the staging one, or the one made of it. */
  Session ownerIn(String database) {
    return access.ownerIn(database);
  }

  /**
   * The owner, if it may make databases where the live one is, else the admin; in the maintenance
   * database.
   *
   * @param owner a session of the owner
   */
  Connection making(Connection owner) throws SQLException {
    List<Boolean> may =
        CatalogQuery.rows(
            owner,
            """
            SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user
              AND NOT EXISTS (SELECT FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
                              WHERE d.datname = %s AND t.spcname <> 'pg_default'
                                AND NOT has_tablespace_privilege(t.oid, 'CREATE'))
            """
                .formatted(SqlText.literal(database())),
            row -> row.getBoolean(1));
    if (may.contains(true)) {
      return maintenance().source().getConnection();
    }
    return access
        .admin()
        .orElseThrow(() ->
            BackupFailures.refused(
                    ExitCode.REFUSED,
                    "%s may not make databases, which restore needs for the side database"
                        .formatted(ownerName()))
                .next(
                    "as the admin: ALTER ROLE %s CREATEDB; or give admin credentials: --admin-user,"
                            .formatted(ownerName())
                        + " --admin-password-file"))
        .maintenance()
        .source()
        .getConnection();
  }

  /**
   * The admin, who may end everybody's sessions, else the owner, who may end its own and those of
   * the services; in the maintenance database.
   */
  Connection ending() throws SQLException {
    return access
        .admin()
        .map(AdminSessions::maintenance)
        .orElseGet(this::maintenance)
        .source()
        .getConnection();
  }
}
