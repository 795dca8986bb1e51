package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.Confirmation;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Session;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/** Drops the databases that restores have kept. */
public record DropOld(DatabaseAccess access, Confirmation confirmation, Progress progress) {
  private static final String STEP = "restore";

  /**
   * Drops them, after a confirmation.
   *
   * @return their names, oldest first
   * @throws Failure 10 if one is in use for replication, or nobody confirms; then none is dropped
   */
  public List<String> run() {
    try (Session maintenance = access.ownerIn(DatabaseAddress.MAINTENANCE_DATABASE);
        Connection connection = maintenance.run(STEP, _ -> maintenance.source().getConnection());
        var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.RESTORE, progress)) {
      OldDatabases old = new OldDatabases(connection, access.target().owner().database());
      List<String> names = old.names();
      if (names.isEmpty()) {
        return names;
      }
      for (String name : names) {
        requireDroppable(connection, name);
        for (String slot : slots(connection, name, "NOT active")) {
          progress.line(
              STEP,
              "warning: replication slot %s of %s is dropped with it: its consumers have to start again"
                  .formatted(slot, name));
        }
      }
      confirmation.confirm(
          "%s and everything in it will be deleted permanently."
              .formatted("Database " + String.join(", database ", names)));
      for (String name : names) {
        try (var _ = Ongoing.begin(progress, STEP, "dropping " + name)) {
          old.drop(name);
        }
        progress.line(STEP, "dropped " + name);
      }
      return names;
    } catch (SQLException e) {
      throw BackupFailures.failed(STEP, e, Restore.LEFT);
    }
  }

  /** Refuses a database that the server would not drop, before anything is dropped. */
  private static void requireDroppable(Connection connection, String name) throws SQLException {
    List<String> subscriptions =
        CatalogQuery.rows(
            connection,
            """
            SELECT s.subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
            WHERE d.datname = %s ORDER BY 1
            """
                .formatted(Sql.literal(name)),
            row -> row.getString(1));
    List<String> slots = slots(connection, name, "active");
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
                ? "stop what reads from it, then run as the admin: SELECT pg_drop_replication_slot('%s');"
                    .formatted(slots.getFirst())
                : """
                run as the admin, in that database: ALTER SUBSCRIPTION %1$s DISABLE; ALTER SUBSCRIPTION %1$s SET (slot_name = NONE); \
                DROP SUBSCRIPTION %1$s; the publisher keeps its slot until it is dropped there\
                """
                    .formatted(Sql.identifier(subscriptions.getFirst())));
  }

  private static List<String> slots(Connection connection, String name, String condition)
      throws SQLException {
    return CatalogQuery.rows(
        connection,
        "SELECT slot_name FROM pg_replication_slots WHERE %s AND database = %s ORDER BY 1"
            .formatted(condition, Sql.literal(name)),
        row -> row.getString(1));
  }
}
