package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.HistoryTable;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * Applied migrations compared with the files; found with one query, without Flyway.
 *
 * @param applied successful ones, by version
 * @param failed rows that a failed migration outside a transaction left
 * @param pending files that are not applied yet, in order
 * @param newer applied ones that are newer than all files
 * @param differences why the files cannot be the ones that were applied
 */
public record SchemaState(
    NavigableMap<MigrationVersion, AppliedMigration> applied,
    List<AppliedMigration> failed,
    List<MigrationFile> pending,
    List<AppliedMigration> newer,
    List<Difference> differences) {
  private static final String FOREIGN =
      """
      SELECT to_regclass('%s') IS NULL AND EXISTS (
        SELECT FROM pg_namespace n, LATERAL (
          SELECT 'pg_class'::regclass AS class, oid FROM pg_class
          WHERE relnamespace = n.oid AND relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
          UNION ALL
          SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = n.oid
          UNION ALL
          SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = n.oid AND typtype IN ('d', 'e')) o
        WHERE n.nspname = 'public'
          AND NOT EXISTS (SELECT FROM pg_depend d
                          WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'))
      """
          .formatted(SchemaState.HISTORY);

  /** Flyway's history table. */
  public static final String HISTORY = HistoryTable.NAME;

  /**
   * One disagreement between history and files.
   *
   * @param what one sentence
   * @param next what to do about it
   */
  public record Difference(String what, String next) {}

  /** Reads the history, which may be missing, and compares. */
  public static SchemaState read(Connection connection, MigrationFiles files) throws SQLException {
    NavigableMap<MigrationVersion, AppliedMigration> applied = new TreeMap<>();
    List<AppliedMigration> failed = new ArrayList<>();
    for (AppliedMigration row : history(connection)) {
      if (row.success()) {
        applied.put(row.version(), row);
      } else {
        failed.add(row);
      }
    }
    return compare(files, applied, List.copyOf(failed));
  }

  private static List<AppliedMigration> history(Connection connection) throws SQLException {
    List<AppliedMigration> rows = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT version, script, checksum, success FROM "
                    + HISTORY
                    + " WHERE version IS NOT NULL AND type <> 'DELETE' ORDER BY installed_rank")) {
      while (row.next()) {
        int checksum = row.getInt(3);
        rows.add(
            new AppliedMigration(
                MigrationVersion.fromVersion(row.getString(1)),
                row.getString(2),
                row.wasNull() ? null : checksum,
                row.getBoolean(4)));
      }
    } catch (SQLException e) {
      if (!SqlStates.UNDEFINED_TABLE.equals(e.getSQLState())) {
        throw e;
      }
    }
    return rows;
  }

  private static SchemaState compare(
      MigrationFiles files,
      NavigableMap<MigrationVersion, AppliedMigration> applied,
      List<AppliedMigration> failed) {
    List<Difference> differences = new ArrayList<>();
    List<MigrationFile> pending = new ArrayList<>();
    Map<MigrationVersion, AppliedMigration> withoutFile = new TreeMap<>(applied);
    Optional<MigrationVersion> current =
        applied.isEmpty() ? Optional.empty() : Optional.of(applied.lastKey());
    for (MigrationFile file : files.files()) {
      AppliedMigration row = withoutFile.remove(file.version());
      if (row != null) {
        if (row.checksum() != null && !Objects.equals(row.checksum(), file.checksum())) {
          differences.add(changed(file));
        }
      } else {
        if (current.isPresent() && file.version().compareTo(current.get()) < 0) {
          differences.add(outOfOrder(file, current.get()));
        }
        pending.add(file);
      }
    }
    List<AppliedMigration> newer = new ArrayList<>();
    for (AppliedMigration row : withoutFile.values()) {
      if (files.newest().isEmpty() || row.version().compareTo(files.newest().get()) > 0) {
        newer.add(row);
      } else if (row.checksum() != null) {
        differences.add(missing(files, row));
      }
    }
    return new SchemaState(
        applied, failed, List.copyOf(pending), List.copyOf(newer), List.copyOf(differences));
  }

  private static Difference changed(MigrationFile file) {
    return new Difference(
        file.path() + " was changed after it was applied",
        "restore it (git log -p -- '*/%s') and make the change in a new migration: make migration NAME=..."
            .formatted(file.name()));
  }

  private static Difference outOfOrder(MigrationFile file, MigrationVersion current) {
    return new Difference(
        "%s is older than %s, which is already applied".formatted(file.path(), current),
        "give it a version after %s (rename the migration file and its undo script)"
            .formatted(current));
  }

  private static Difference missing(MigrationFiles files, AppliedMigration row) {
    return new Difference(
        "%s is applied, but %s has no file for version %s"
            .formatted(row.script(), files.directory(), row.version()),
        "restore the file, or use the image or checkout that has it");
  }

  /** The newest applied version. */
  public Optional<MigrationVersion> current() {
    return applied.isEmpty() ? Optional.empty() : Optional.of(applied.lastKey());
  }

  /** {@link #current()} for people and for SCHEMA_VERSION; "none" if nothing is applied. */
  public String currentText() {
    return current().map(MigrationVersion::toString).orElse("none");
  }

  /**
   * Continues only if files and history agree; newer applied migrations are not a difference.
   *
   * @throws Failure 7 that lists every difference
   */
  public void requireUnchanged() {
    if (differences.isEmpty()) {
      return;
    }
    throw Failure.of(ExitCode.HISTORY_DIFFERS, "applied migrations and migration files differ")
        .where(String.join("\n         ", differences.stream().map(Difference::what).toList()))
        .state("nothing was changed; the database is at " + currentText())
        .next(differences.getFirst().next());
  }

  /** Whether something other than migrations created what is in schema public. */
  public static boolean isForeign(Connection connection) throws SQLException {
    return Sql.isTrue(connection, FOREIGN);
  }
}
