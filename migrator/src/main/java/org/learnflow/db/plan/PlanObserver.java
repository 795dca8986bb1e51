package org.learnflow.db.plan;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.learnflow.db.Progress;
import org.learnflow.db.schema.ConcurrentIndexes;
import org.learnflow.db.schema.Confinement;
import org.learnflow.db.schema.FlywayRun;
import org.learnflow.db.schema.MigrationFile;

/**
 * Observes, from inside each migration's transaction, which locks it holds at its end and which
 * files of tables and indexes it replaced. Only tables that existed before all of them count.
 */
final class PlanObserver implements FlywayRun.MigrationListener {
  /** Tables and views of migrations, and their indexes, which ALTER TABLE may build again. */
  private static final String RELATIONS =
      """
      SELECT format('%I.%I', n.nspname, c.relname), c.oid, coalesce(i.indrelid, c.oid), c.relfilenode
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
      WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'learnflow_db')
        AND c.relkind IN ('r', 'p', 'm', 'v', 'f', 'i', 'I')
        AND coalesce(i.indrelid, c.oid) IS DISTINCT FROM to_regclass('public.flyway_schema_history')
      """;

  private static final String LOCKS =
      """
      SELECT relation, mode FROM pg_locks
      WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
      """;

  private final ConcurrentIndexes indexes;
  private final Confinement confinement;
  private final Map<Long, String> existing;
  private final List<Observed> observed = new ArrayList<>();
  private Map<String, Relation> before;
  private Optional<MigrationFile> current = Optional.empty();
  private boolean transaction;

  /**
   * An observer of the migrations that come next.
   *
   * @param own a session in the scratch database
   */
  PlanObserver(Connection own, Confinement confinement) throws SQLException {
    this.confinement = confinement;
    this.indexes = new ConcurrentIndexes(own, Progress.SILENT);
    this.before = relations(own);
    Map<Long, String> tables = new HashMap<>();
    before.forEach((name, relation) -> {
      if (!relation.isIndex()) {
        tables.put(relation.oid(), name);
      }
    });
    this.existing = Map.copyOf(tables);
  }

  /**
   * A table or an index.
   *
   * @param table its own oid, or that of the index's table
   * @param filenode the file it is in, 0 for views
   */
  private record Relation(long oid, long table, long filenode) {
    boolean isIndex() {
      return oid != table;
    }
  }

  /**
   * What a migration did.
   *
   * @param transaction whether it ran in a transaction
   * @param tables by qualified name
   */
  record Observed(MigrationFile file, boolean transaction, Map<String, Effect> tables) {}

  /**
   * What it did to a table.
   *
   * @param lock the strongest lock
   * @param rewritten whether its file was replaced
   * @param rebuiltIndexes qualified names of the indexes whose file was replaced
   */
  record Effect(LockMode lock, boolean rewritten, List<String> rebuiltIndexes) {
    Effect and(Effect other) {
      List<String> rebuilt = new ArrayList<>(rebuiltIndexes);
      rebuilt.addAll(other.rebuiltIndexes);
      return new Effect(
          lock.compareTo(other.lock) < 0 ? other.lock : lock,
          rewritten || other.rewritten,
          List.copyOf(rebuilt));
    }

    static Effect locked(LockMode lock) {
      return new Effect(lock, false, List.of());
    }
  }

  /** What was seen, in the order of the migrations. */
  List<Observed> observed() {
    return List.copyOf(observed);
  }

  /** The migration that runs. */
  Optional<MigrationFile> current() {
    return current;
  }

  @Override
  public void begin(MigrationFile file, Connection connection) throws SQLException {
    current = Optional.of(file);
    transaction = !connection.getAutoCommit();
    if (!transaction) {
      indexes.prepare(file);
    }
    confinement.begin(file, connection);
  }

  @Override
  public void end(MigrationFile file, Connection connection) throws SQLException {
    confinement.end(file, connection);
    Map<String, Effect> tables = new TreeMap<>();
    Map<String, Relation> after = relations(connection);
    before.forEach(
        (name, old) -> addChange(tables, name, old, Optional.ofNullable(after.get(name))));
    after.forEach((name, relation) -> {
      if (!before.containsKey(name) && relation.isIndex() && !transaction) {
        add(tables, relation.table(), Effect.locked(LockMode.SHARE_UPDATE_EXCLUSIVE));
      }
    });
    if (transaction) {
      addLocks(tables, connection);
    }
    observed.add(new Observed(file, transaction, tables));
    before = after;
    current = Optional.empty();
  }

  /**
   * Outside a transaction, the locks are already released: CONCURRENTLY takes a weak one and
   * creates another index; what replaces the file of the same one (VACUUM FULL, REINDEX) takes the
   * strongest.
   */
  private void addChange(
      Map<String, Effect> tables, String name, Relation old, Optional<Relation> now) {
    boolean replaced =
        old.filenode() != 0
            && now.filter(relation -> relation.filenode() != old.filenode()).isPresent();
    boolean same = now.filter(relation -> relation.oid() == old.oid()).isPresent();
    if (old.isIndex() ? (replaced || (now.isEmpty() && !transaction)) : (replaced && same)) {
      LockMode lock =
          transaction
              ? LockMode.ACCESS_SHARE // the least; the real one is in pg_locks
              : same ? LockMode.ACCESS_EXCLUSIVE : LockMode.SHARE_UPDATE_EXCLUSIVE;
      add(
          tables,
          old.table(),
          new Effect(lock, !old.isIndex(), replaced && old.isIndex() ? List.of(name) : List.of()));
    }
  }

  private void addLocks(Map<String, Effect> tables, Connection connection) throws SQLException {
    Map<Long, Long> tableOf = new HashMap<>();
    before.values().forEach(relation -> tableOf.put(relation.oid(), relation.table()));
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(LOCKS)) {
      while (rows.next()) {
        Long table = tableOf.get(rows.getLong(1));
        if (table != null) {
          add(
              tables,
              table,
              Effect.locked(LockMode.named(Objects.toString(rows.getString(2), ""))));
        }
      }
    }
  }

  private void add(Map<String, Effect> tables, long table, Effect effect) {
    String name = existing.get(table);
    if (name != null) {
      tables.merge(name, effect, Effect::and);
    }
  }

  private static Map<String, Relation> relations(Connection connection) throws SQLException {
    Map<String, Relation> relations = new HashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(RELATIONS)) {
      while (rows.next()) {
        relations.put(
            rows.getString(1), new Relation(rows.getLong(2), rows.getLong(3), rows.getLong(4)));
      }
    }
    return relations;
  }
}
