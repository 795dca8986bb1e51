package org.learnflow.db.rollback;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.schema.AppliedMigration;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.UndoScript;
import org.learnflow.db.schema.UndoScripts;
import org.learnflow.db.schema.UndoStep;

/**
 * Which migrations are undone, and with which scripts.
 *
 * @param files to compare with what was applied
 * @param target the newest version to keep; empty to keep none
 * @param fromFiles whether undo scripts come from {@code files}, not from the database
 */
record UndoSelection(MigrationFiles files, Optional<MigrationVersion> target, boolean fromFiles) {
  /**
   * Refuses a target that does not exist.
   *
   * @throws Failure 2 if it does not exist
   */
  void requireKnownTarget(SchemaState state) {
    if (target.isEmpty()
        || state.applied().containsKey(target.get())
        || files.files().stream().anyMatch(file -> file.version().equals(target.get()))) {
      return;
    }
    throw Failure.of(ExitCode.USAGE, "there is no migration " + target.get())
        .state("nothing was changed; the database is at " + state.currentText())
        .next(
            "use one of the applied versions, or none: %s"
                .formatted(
                    String.join(
                        ", ", state.applied().keySet().stream().map(Object::toString).toList())));
  }

  /** Whether migrations newer than the target are applied, or failed halfway. */
  boolean isNeeded(SchemaState state) {
    return !newer(state).isEmpty() || !failed(state).isEmpty();
  }

  /** The newest applied version that stays, for people. */
  String kept(SchemaState state) {
    return Optional.ofNullable(
            target.map(version -> state.applied().floorKey(version)).orElse(null))
        .map(MigrationVersion::toString)
        .orElse("none");
  }

  private NavigableMap<MigrationVersion, AppliedMigration> newer(SchemaState state) {
    return target
        .map(version -> state.applied().tailMap(version, false))
        .orElse(state.applied())
        .descendingMap();
  }

  /** Migrations that failed outside a transaction, and are not kept. */
  List<AppliedMigration> failed(SchemaState state) {
    return state.failed().stream()
        .filter(row -> target.filter(version -> row.version().compareTo(version) <= 0).isEmpty())
        .toList();
  }

  /** The undo scripts, newest first, all of which can be run. */
  List<UndoStep> steps(Connection connection, SchemaState state) throws SQLException {
    requireUnchanged(state);
    NavigableMap<MigrationVersion, UndoScript> scripts = scripts(connection);
    List<UndoStep> steps = new ArrayList<>();
    for (AppliedMigration row : newer(state).values()) {
      UndoScript script = scripts.get(row.version());
      if (script == null) {
        throw withoutScript(row);
      }
      if (!Objects.equals(row.checksum(), script.checksum())) {
        throw refused(
            "%s is the undo script of another %s than the one that was applied"
                .formatted(script.undoScript(), row.script()),
            fromFiles ? files.directory().toString() : "learnflow_db.undo_scripts");
      }
      if (script.altered()) {
        throw refused(
            script.undoScript() + " was altered after it was stored", "learnflow_db.undo_scripts");
      }
      steps.add(UndoStep.of(script));
    }
    return steps;
  }

  private NavigableMap<MigrationVersion, UndoScript> scripts(Connection connection)
      throws SQLException {
    if (!fromFiles) {
      return UndoScripts.read(connection);
    }
    NavigableMap<MigrationVersion, UndoScript> scripts = new TreeMap<>();
    files
        .files()
        .forEach(file -> files.undo(file).ifPresent(script -> scripts.put(file.version(), script)));
    return scripts;
  }

  private void requireUnchanged(SchemaState state) {
    for (MigrationFile file : files.files()) {
      AppliedMigration row = state.applied().get(file.version());
      if (row != null
          && row.checksum() != null
          && !Objects.equals(row.checksum(), file.checksum())) {
        throw refused(file.name() + " was changed after it was applied", file.path().toString())
            .next(
                "use the image or checkout that has it as it was applied, or restore it:"
                    + " git log -p -- '*/%s'".formatted(file.name()));
      }
    }
  }

  private static Failure refused(String what, String where) {
    return Failure.of(ExitCode.REFUSED, what)
        .where(where)
        .state("nothing was changed")
        .next(
            "take the undo scripts from a checkout that has the applied files:"
                + " learnflow-db rollback --from-files --migrations DIR ...; docs/how-to/rollback.md");
  }

  private Failure withoutScript(AppliedMigration row) {
    return Failure.of(
            ExitCode.REFUSED,
            "%s has no undo script%s"
                .formatted(row.script(), fromFiles ? " among the files" : " in the database"))
        .where(fromFiles ? files.directory().toString() : "learnflow_db.undo_scripts")
        .state("nothing was changed")
        .next(
            fromFiles
                ? "write it, or undo that migration by hand: docs/how-to/rollback.md"
                : "with the image or checkout that has its undo script: learnflow-db rollback"
                    + " --from-files ...; docs/how-to/rollback.md");
  }
}
