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
import org.learnflow.db.postgres.Sql;

/**
 * Who does what in a restore. Only the loading role, which reaches nothing but the staging
 * database, runs the dump's content; the owner's sessions in databases where that role has created
 * something are guarded; the admin stays in the maintenance database.
 *
 * @param access to the running database
 * @param loader the role that loads the dump; empty if the owner itself does
 */
record RestoreSessions(DatabaseAccess access, Optional<ShortLivedRole> loader) {
  /**
   * Those of a restore.
   *
   * @param trustDump whether the owner loads the dump itself
   * @throws org.learnflow.db.Failure 10 if nobody can create the loading role
   */
  static RestoreSessions of(DatabaseAccess access, boolean trustDump) {
    if (trustDump) {
      return new RestoreSessions(access, Optional.empty());
    }
    Target target = access.target();
    if (target.admin().isEmpty()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "a dump is loaded as a temporary role, which only an admin can create, and there are no admin credentials")
          .next(
              "give them: --admin-user, --admin-password-file; or, if you trust everybody who had access to the dump, load it as the owner: --trust-dump");
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

  /** The staging database, as the role that loads it. */
  Target staging() {
    return live()
        .side(
            stagingName(),
            loader.map(ShortLivedRole::name).orElse(ownerName()),
            loader.map(ShortLivedRole::password).or(live()::password));
  }

  /** The same, to open sessions of the role that loads it. */
  DatabaseAccess stagingAccess() {
    return access.with(staging());
  }

  /** The owner in the maintenance database. */
  Session maintenance() {
    return access.ownerIn(DatabaseAddress.MAINTENANCE_DATABASE);
  }

  /** The owner in a database that it does not trust: the staging database, or the one it became. */
  Session ownerIn(String database) {
    return access.ownerIn(database);
  }

  /**
   * The owner, if it can create databases in the running one's tablespace, otherwise the admin; in
   * the maintenance database.
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
                .formatted(Sql.literal(database())),
            row -> row.getBoolean(1));
    if (may.contains(true)) {
      return maintenance().source().getConnection();
    }
    return access
        .admin()
        .orElseThrow(() ->
            BackupFailures.refused(
                    ExitCode.REFUSED,
                    "%s cannot create databases, which restore needs for the staging database"
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
   * The admin, who can end everybody's sessions, otherwise the owner, who can end its own and those
   * of the services; in the maintenance database.
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
