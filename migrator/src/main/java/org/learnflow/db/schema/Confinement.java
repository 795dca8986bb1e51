package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/**
 * Keeps migrations that are tried from changing anything outside the database that they are tried
 * in. Before each is committed, this checks what its transaction did to the catalogs that all
 * databases share: a change that only its own session sees was made by it. That change is undone
 * before anybody can see it, or the whole migration is rolled back.
 *
 * <p>Outside a transaction, each statement is committed at once. The catalogs before and after the
 * migration are compared instead.
 */
public final class Confinement implements FlywayRun.MigrationListener {
  private static final String STEP = "trial";

  /** Another session's change between two looks shows in only one of these. */
  private static final int LOOKS = 3;

  /**
   * Shared catalogs that a transaction has written to: each write keeps its lock until the end.
   * This also finds what a role cannot read, such as a new password. One of them holds the
   * dependencies of every object and is left out, as are the ones that a comparison covers.
   */
  private static final String WRITTEN =
      """
      SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
      WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.database = 0
        AND l.mode = 'RowExclusiveLock' AND c.relisshared AND c.relkind = 'r'
        AND c.relname NOT IN ('pg_shdepend', 'pg_database', 'pg_db_role_setting', 'pg_shdescription')
      ORDER BY 1
      """;

  private final Connection outside;
  private final String database;
  private final boolean takingBack;
  private final Progress progress;
  private Optional<Before> before = Optional.empty();

  /** The state before a migration that runs outside a transaction. */
  private record Before(MigrationFile file, SharedCatalog catalog) {}

  /**
   * A confinement.
   *
   * @param outside a session of the owner in another database, in autocommit mode
   * @param database in which the migrations are tried
   * @param takingBack whether a migration continues without what it did outside; otherwise it is
   *     refused
   */
  public Confinement(Connection outside, String database, boolean takingBack, Progress progress) {
    this.outside = outside;
    this.database = database;
    this.takingBack = takingBack;
    this.progress = progress;
  }

  @Override
  public void begin(MigrationFile file, Connection connection) throws SQLException {
    before =
        connection.getAutoCommit()
            ? Optional.of(new Before(file, SharedCatalog.read(outside, database)))
            : Optional.empty();
  }

  @Override
  public void end(MigrationFile file, Connection connection) throws SQLException {
    if (before.isPresent()) {
      compare();
      return;
    }
    // Run what is deferred to the end of the transaction now, while it can be checked.
    Sql.execute(connection, "SET CONSTRAINTS ALL IMMEDIATE");
    List<String> written = CatalogQuery.rows(connection, WRITTEN, row -> row.getString(1));
    List<SharedCatalog.Change> changes = ownChanges(connection);
    if (!written.isEmpty() || (!changes.isEmpty() && !takingBack)) {
      throw refused(file, changes, written);
    }
    if (changes.isEmpty()) {
      return;
    }
    takeBack(connection, changes);
    List<SharedCatalog.Change> left = ownChanges(connection);
    if (!left.isEmpty()) {
      throw refused(file, left, List.of());
    }
    tell(file, changes);
  }

  /**
   * Undoes what the last migration did outside a transaction; also to be called if the migration
   * does not finish.
   */
  public void compare() throws SQLException {
    if (before.isPresent()) {
      Before then = before.get();
      before = Optional.empty();
      afterwards(then.file(), then.catalog());
    }
  }

  private List<SharedCatalog.Change> ownChanges(Connection inside) throws SQLException {
    List<SharedCatalog.Change> changes = List.of();
    for (int look = 1; look <= LOOKS; look++) {
      List<SharedCatalog.Change> now =
          SharedCatalog.read(outside, database).changedIn(SharedCatalog.read(inside, database));
      changes = look == 1 ? now : changes.stream().filter(now::contains).toList();
      if (changes.isEmpty()) {
        break;
      }
    }
    return changes;
  }

  private void afterwards(MigrationFile file, SharedCatalog then) throws SQLException {
    List<SharedCatalog.Change> changes = then.changedIn(SharedCatalog.read(outside, database));
    if (changes.isEmpty()) {
      return;
    }
    takeBack(outside, changes);
    List<SharedCatalog.Change> left = then.changedIn(SharedCatalog.read(outside, database));
    if (!left.isEmpty()) {
      progress.line(
          STEP,
          "warning: while %s was tried, something outside its database changed, by it or by another session: %s"
              .formatted(file.name(), words(left)));
    }
    List<SharedCatalog.Change> back =
        changes.stream().filter(change -> !left.contains(change)).toList();
    if (!back.isEmpty()) {
      tell(file, back);
    }
  }

  private static void takeBack(Connection connection, List<SharedCatalog.Change> changes)
      throws SQLException {
    for (SharedCatalog.Change change : changes) {
      String back = change.back();
      if (back != null) {
        Sql.execute(connection, back);
      }
    }
  }

  private void tell(MigrationFile file, List<SharedCatalog.Change> changes) {
    progress.line(
        STEP,
        "%s reached outside the database that it was tried in; undone: %s"
            .formatted(file.name(), words(changes)));
  }

  private static String words(List<SharedCatalog.Change> changes) {
    return changes.stream().map(SharedCatalog.Change::what).collect(Collectors.joining(", "));
  }

  private static Failure refused(
      MigrationFile file, List<SharedCatalog.Change> changes, List<String> written) {
    return Failure.of(
            ExitCode.REFUSED,
            "%s reaches outside the database that it is tried in, from within a DO block or a function: %s"
                .formatted(
                    file.name(),
                    changes.isEmpty()
                        ? "it writes to " + String.join(", ", written)
                        : words(changes)))
        .where(file.path().toString())
        .state("nothing was changed: it was rolled back")
        .next(
            "write it as a separate statement, which a trial leaves out; see docs/how-to/plan.md");
  }
}
