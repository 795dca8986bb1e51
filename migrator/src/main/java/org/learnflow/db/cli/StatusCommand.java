package org.learnflow.db.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedLedger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** One screen about the database. */
@Command(name = "status", description = "Shows server, schema version, pending migrations, seeds.")
final class StatusCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  /**
   * What status shows.
   *
   * @param database address without password
   * @param serverVersion of PostgreSQL
   * @param sizeBytes of the whole database on disk
   * @param connections open now, and how many the server allows
   * @param schemaVersion newest applied migration, or "none"
   * @param applied number of applied migrations
   * @param pending names of files that are not applied yet
   * @param differences between history and files
   * @param seeds loaded sets with the mode they were loaded in
   */
  record Status(
      String database,
      String serverVersion,
      long sizeBytes,
      String connections,
      String schemaVersion,
      int applied,
      List<String> pending,
      List<String> differences,
      Map<String, String> seeds) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    DatabaseOptions.Target target = database.target(false, progress);
    Steps steps = new Steps(target, database.connector(), database.timeout(), progress);
    try (Session session = steps.ownerSession()) {
      Status status =
          session.run(
              "status", connection -> read(connection, migrations, target.owner().toString()));
      print(text(status), status);
      return ExitCode.OK;
    }
  }

  private static Status read(Connection connection, MigrationFiles migrations, String address)
      throws SQLException {
    SchemaState state = SchemaState.read(connection, migrations);
    Map<String, String> seeds = new LinkedHashMap<>();
    SeedLedger.read(connection)
        .forEach(
            (set, entry) -> seeds.put(set, entry.mode().name().toLowerCase(java.util.Locale.ROOT)));
    try (var statement = connection.createStatement();
        var row =
            statement.executeQuery(
                """
                SELECT pg_database_size(current_database()),
                       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())
                       || ' of ' || current_setting('max_connections')
                """)) {
      row.next();
      return new Status(
          address,
          connection.getMetaData().getDatabaseProductVersion(),
          row.getLong(1),
          row.getString(2),
          state.currentText(),
          state.applied().size(),
          state.pending().stream().map(MigrationFile::name).toList(),
          state.differences().stream().map(SchemaState.Difference::what).toList(),
          seeds);
    }
  }

  private static String text(Status status) {
    return """
    Database:    %s
    Server:      PostgreSQL %s, %.1f MiB, %s connections
    Schema:      %s (%d applied)
    Pending:     %s
    Differences: %s
    Seeds:       %s\
    """
        .formatted(
            status.database(),
            status.serverVersion(),
            status.sizeBytes() / 1048576.0,
            status.connections(),
            status.schemaVersion(),
            status.applied(),
            listed(status.pending()),
            listed(status.differences()),
            status.seeds().isEmpty()
                ? "none"
                : status.seeds().entrySet().stream()
                    .map(entry -> "%s (%s)".formatted(entry.getKey(), entry.getValue()))
                    .collect(Collectors.joining(", ")));
  }

  private static String listed(List<String> items) {
    return items.isEmpty() ? "none" : String.join("\n             ", items);
  }
}
