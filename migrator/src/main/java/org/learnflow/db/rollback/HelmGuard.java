package org.learnflow.db.rollback;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.HelmRevisions;
import org.learnflow.db.kubernetes.KubernetesApi;
import org.learnflow.db.postgres.SqlStates;

/**
 * Lets a hook undo migrations only while Helm rolls its release back, and only after a recent
 * backup.
 *
 * @param maxAge how old the last backup can be
 * @param maxAgeText the same, as you wrote it
 */
public record HelmGuard(
    Supplier<KubernetesApi> api,
    String namespace,
    String release,
    Duration maxAge,
    String maxAgeText) {
  /**
   * Returns if migrations can be undone now.
   *
   * @param revision that Helm rolls back to
   * @throws Failure 10 if they cannot
   */
  public void require(Session session, int revision) {
    requireHelmRollback(revision);
    requireBackup(session, revision);
  }

  private void requireHelmRollback(int revision) {
    Optional<HelmRevisions.Revision> newest;
    try {
      newest = new HelmRevisions(api.get(), namespace, release).newestAfter(revision);
    } catch (Failure e) {
      throw wayOut(e.code(), "Helm's records could not be read: " + e.what(), revision);
    }
    String status = newest.map(HelmRevisions.Revision::status).orElse("none");
    if (!status.equals("pending-rollback")) {
      throw wayOut(
          ExitCode.REFUSED,
          newest
              .map(found ->
                  "Helm is not rolling release %s back: its revision %d is %s"
                      .formatted(release, found.number(), status))
              .orElse(
                  "Helm is not rolling release %s back: there is no revision %d to %d"
                      .formatted(release, revision + 1, revision + HelmRevisions.WINDOW)),
          revision);
    }
  }

  private void requireBackup(Session session, int revision) {
    long seconds = maxAge.toSeconds();
    session
        .run(Rollback.STEP, connection -> whyNoRecentBackup(connection, seconds))
        .ifPresent(why -> {
          throw wayOut(
              ExitCode.REFUSED,
              "undoing migrations needs a backup from the last %s, and %s"
                  .formatted(maxAgeText, why),
              revision);
        });
  }

  private static Optional<String> whyNoRecentBackup(Connection connection, long seconds)
      throws SQLException {
    String none = "there is none";
    try (PreparedStatement select =
        connection.prepareStatement(
            """
            SELECT date_trunc('second', now() - max(finished_at))::text,
                   max(finished_at) > now() - make_interval(secs => ?)
            FROM learnflow_db.backups
            """)) {
      select.setLong(1, seconds);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        if (row.getBoolean(2)) {
          return Optional.empty();
        }
        String age = row.getString(1);
        return Optional.of(age == null ? none : "the last one is %s old".formatted(age));
      }
    } catch (SQLException e) {
      if (SqlStates.UNDEFINED_TABLE.equals(e.getSQLState())) {
        return Optional.of(none);
      }
      throw e;
    }
  }

  /** A failed hook leaves the release in pending-rollback; only this continues from there. */
  private Failure wayOut(ExitCode code, String what, int revision) {
    return Failure.of(code, what)
        .state("nothing was changed; Helm leaves the release in pending-rollback")
        .next(
            "keep the newer schema: helm rollback %s %d -n %s --no-hooks; docs/how-to/rollback.md"
                .formatted(release, revision, namespace));
  }
}
