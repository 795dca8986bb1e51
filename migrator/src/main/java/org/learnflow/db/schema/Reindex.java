package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Meter;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.Session;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.LockRetries;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * Rebuilds the indexes that depend on a collation whose version changed, without blocking reads and
 * writes, and then records the version. Interrupted, it starts again: the version is recorded last,
 * and only if every index is rebuilt.
 */
public final class Reindex {
  private static final String STEP = "reindex";

  private final Progress progress;
  private final LockRetries retries;

  /** Names, since an index that is rebuilt concurrently gets another OID. */
  private final Set<String> rebuilt = new LinkedHashSet<>();

  /** Reports what it does to {@code progress}. */
  public Reindex(Progress progress) {
    this.progress = progress;
    this.retries = new LockRetries(MigrateStep.DEFAULT_LOCK_RETRIES, STEP, progress);
  }

  /**
   * What was done.
   *
   * @param reindexed names of indexes
   * @param refreshed such as {@code DATABASE learnflow}
   */
  public record Outcome(List<String> reindexed, List<String> refreshed) {}

  /**
   * Does it, in the owner's session. What was rebuilt before the connection was lost is not rebuilt
   * again.
   *
   * @throws Failure 10 if PostgreSQL cannot record the version, 1 if an index cannot be rebuilt, or
   *     if an index or a collation belongs to another role
   */
  public Outcome run(Session owner) {
    return owner.run(STEP, this::run);
  }

  private Outcome run(Connection connection) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
      CollationChange change = CollationChange.read(connection);
      requireRefreshable(change);
      List<CollationChange.Index> own =
          change.indexes().stream().filter(CollationChange.Index::own).toList();
      dropLeft(connection, own);
      for (int i = 0; i < own.size(); i++) {
        if (!rebuilt.contains(own.get(i).name())) {
          rebuild(connection, own, i);
        }
      }
      return new Outcome(List.copyOf(rebuilt), refresh(connection, change));
    }
  }

  private static void requireRefreshable(CollationChange change) {
    List<CollationChange.Changed> never =
        change.changed().stream().filter(changed -> !changed.refreshable()).toList();
    if (never.isEmpty()) {
      return;
    }
    throw Failure.of(
            ExitCode.REFUSED,
            "PostgreSQL cannot record the new version of a collation if one of the systems has none, as Alpine (musl): "
                + texts(never))
        .state("nothing was changed; queries that use indexes on text may miss rows")
        .next(
            "go back to the image that was used before, or move the data with a dump: docs/how-to/official-image.md");
  }

  private void rebuild(Connection connection, List<CollationChange.Index> all, int i)
      throws SQLException {
    CollationChange.Index index = all.get(i);
    progress.line(
        STEP,
        "%d of %d: %s, %s".formatted(i + 1, all.size(), index.name(), Meter.size(index.bytes())));
    for (int attempt = 0; ; attempt++) {
      try {
        rebuild(connection, index, "%d of %d: %s".formatted(i + 1, all.size(), index.name()));
        rebuilt.add(index.name());
        return;
      } catch (SQLException e) {
        if (SqlStates.connectionLost(e)) {
          throw e;
        }
        dropLeft(connection, List.of(index));
        if (SqlStates.isDuplicate(e)) {
          throw duplicates(index, i, all.size(), e);
        }
        if (!retries.allow(attempt, e, "%s got no lock in time".formatted(index.name()))) {
          throw e;
        }
      }
    }
  }

  private void rebuild(Connection connection, CollationChange.Index index, String title)
      throws SQLException {
    try (var _ = Ongoing.begin(progress, STEP, title)) {
      rebuild(connection, index);
    }
  }

  private static void rebuild(Connection connection, CollationChange.Index index)
      throws SQLException {
    if (index.exclusion()) {
      Sql.execute(connection, "REINDEX INDEX " + index.name());
      return;
    }
    // It blocks nobody while it waits for transactions that are older.
    Sql.execute(connection, "SET lock_timeout = 0");
    try {
      Sql.execute(connection, "REINDEX INDEX CONCURRENTLY " + index.name());
    } finally {
      if (!connection.isClosed()) {
        Sql.execute(connection, "RESET lock_timeout");
      }
    }
  }

  private static Failure duplicates(
      CollationChange.Index index, int done, int all, SQLException e) {
    return Failure.of(
            ExitCode.FAILED,
            "index %s cannot be rebuilt, because the table has rows that it should have refused: %s"
                .formatted(index.name(), e.getMessage()))
        .where("SQLSTATE " + SqlStates.of(e))
        .state(
            "%d of %d indexes are rebuilt; the old index is still in use, and the version is not recorded yet"
                .formatted(done, all))
        .next(
            "find the rows with SET enable_indexscan = off; SET enable_indexonlyscan = off; SET"
                + " enable_bitmapscan = off; change or delete all but one; then: learnflow-db reindex")
        .causedBy(e);
  }

  /** Drops what an interrupted REINDEX CONCURRENTLY left, but not what another one works on now. */
  private void dropLeft(Connection connection, List<CollationChange.Index> indexes)
      throws SQLException {
    if (indexes.isEmpty()) {
      return;
    }
    String tables =
        indexes.stream()
            .map(index -> String.valueOf(index.table()))
            .distinct()
            .collect(Collectors.joining(", "));
    for (String name :
        CatalogQuery.rows(
            connection,
            """
            SELECT format('%%I.%%I', n.nspname, c.relname)
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE i.indrelid IN (%s) AND NOT i.indisvalid AND c.relkind = 'i'
              AND c.relname ~ '_cc(new|old)[0-9]*$' AND pg_has_role(c.relowner, 'USAGE')
              AND NOT EXISTS (SELECT FROM pg_locks l
                              WHERE l.relation = i.indexrelid AND l.mode = 'ShareUpdateExclusiveLock'
                                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
            ORDER BY 1
            """
                .formatted(tables),
            row -> row.getString(1))) {
      progress.line(STEP, "dropping index %s, left by an interrupted rebuild".formatted(name));
      Sql.execute(connection, "DROP INDEX CONCURRENTLY IF EXISTS " + name);
    }
  }

  private List<String> refresh(Connection connection, CollationChange change) throws SQLException {
    List<String> others =
        change.indexes().stream()
            .filter(index -> !index.own())
            .map(CollationChange.Index::name)
            .toList();
    if (!others.isEmpty()) {
      throw needsAdmin(
          "the new version is not recorded, because indexes belong to other roles: "
              + String.join(", ", others),
          Stream.concat(
              others.stream().map("REINDEX INDEX CONCURRENTLY "::concat),
              change.changed().stream().map(CollationChange.Changed::refresh)));
    }
    List<String> refreshed =
        change.changed().stream()
            .filter(CollationChange.Changed::own)
            .map(CollationChange.Changed::object)
            .toList();
    for (CollationChange.Changed changed : change.changed()) {
      if (changed.own()) {
        Sql.execute(connection, changed.refresh());
        progress.line(STEP, "recorded for " + changed.text());
      }
    }
    List<CollationChange.Changed> foreign =
        change.changed().stream().filter(changed -> !changed.own()).toList();
    if (!foreign.isEmpty()) {
      throw needsAdmin(
          "the new version is not recorded, because the collation belongs to another role: "
              + texts(foreign),
          foreign.stream().map(CollationChange.Changed::refresh));
    }
    return refreshed;
  }

  private Failure needsAdmin(String what, Stream<String> statements) {
    return Failure.of(ExitCode.FAILED, what)
        .state("%d indexes are rebuilt".formatted(rebuilt.size()))
        .next(
            "run as an admin, in this database: "
                + statements.map(statement -> statement + ";").collect(Collectors.joining(" ")));
  }

  private static String texts(List<CollationChange.Changed> changed) {
    return changed.stream().map(CollationChange.Changed::text).collect(Collectors.joining("; "));
  }
}
