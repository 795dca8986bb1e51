package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.drift.CatalogDifference;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedLedger;

/**
 * The state of a database at a glance.
 *
 * @param database address without password
 * @param serverVersion of PostgreSQL
 * @param outdated why it may lack published fixes, otherwise empty
 * @param tls what the session speaks, and until when the certificates are valid, or "none"
 * @param sizeBytes of the whole database on disk
 * @param connections open now, and how many the server allows
 * @param services what those with roles of their own use of their connections
 * @param schemaVersion newest applied migration, or "none"
 * @param applied number of applied migrations
 * @param pending names of files that are not applied yet
 * @param differences between history and files
 * @param drift what was changed outside migrations
 * @param seeds loaded sets with the mode they were loaded in
 * @param lastBackup the newest one that is recorded, if any
 * @param lastDrill the last attempt to restore a dump beside the database, if any
 * @param lastOffsiteCopy the newest dump in a bucket, if dumps are copied there
 * @param problem what is wrong with the server, otherwise empty
 */
public record DatabaseStatus(
    String database,
    String serverVersion,
    String outdated,
    String tls,
    long sizeBytes,
    String connections,
    List<ServiceConnections.Use> services,
    String schemaVersion,
    int applied,
    List<String> pending,
    List<String> differences,
    Drift drift,
    Map<String, String> seeds,
    @Nullable LastBackup lastBackup,
    @Nullable LastDrill lastDrill,
    @Nullable LastOffsiteCopy lastOffsiteCopy,
    String problem) {

  /**
   * Drift in short.
   *
   * @param recorded whether the expected state is recorded
   * @param objects such as {@code added index public.x}
   * @param unknown why it could not be checked, otherwise empty
   */
  public record Drift(boolean recorded, List<String> objects, String unknown) {}

  /**
   * Reads it, in a session of the owner.
   *
   * @param access how the session was opened
   */
  public static DatabaseStatus read(
      Connection connection, MigrationFiles migrations, DatabaseAccess access) throws SQLException {
    SchemaState state = SchemaState.read(connection, migrations);
    Map<String, String> seeds = new LinkedHashMap<>();
    SeedLedger.read(connection)
        .forEach((set, entry) -> seeds.put(set, entry.mode().name().toLowerCase(Locale.ROOT)));
    Drift drift = drift(connection);
    Optional<LastBackup> backup = LastBackup.read(connection);
    Optional<LastDrill> drill = LastDrill.read(connection);
    Optional<LastOffsiteCopy> copy = LastOffsiteCopy.read(connection);
    String tls = TlsState.text(connection, access);
    try (var statement = connection.createStatement();
        var row =
            statement.executeQuery(
                """
                SELECT pg_database_size(current_database()),
                       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())
                       || ' of ' || current_setting('max_connections')
                """)) {
      row.next();
      ServerRelease server = ServerRelease.of(connection);
      return new DatabaseStatus(
          access.target().owner().toString(),
          server.text(),
          server.lack(LocalDate.now(ZoneOffset.UTC)).orElse(""),
          tls,
          row.getLong(1),
          row.getString(2),
          ServiceConnections.read(connection, access.target().names()),
          state.currentText(),
          state.applied().size(),
          state.pending().stream().map(MigrationFile::name).toList(),
          state.differences().stream().map(SchemaState.Difference::what).toList(),
          drift,
          seeds,
          backup.orElse(null),
          drill.orElse(null),
          copy.orElse(null),
          Space.problem(connection).orElse(""));
    }
  }

  private static Drift drift(Connection connection) throws SQLException {
    try {
      return CatalogLedger.drift(connection)
          .map(drift ->
              new Drift(
                  true, drift.objects().stream().map(CatalogDifference::summary).toList(), ""))
          .orElseGet(() -> new Drift(false, List.of(), ""));
    } catch (SQLException e) {
      if (!SqlStates.lockProblem(e)) {
        throw e;
      }
      return new Drift(true, List.of(), "unknown, because another session holds a lock on a table");
    }
  }
}
