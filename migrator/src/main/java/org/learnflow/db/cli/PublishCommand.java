package org.learnflow.db.cli;

import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Publishes the connection. */
@Command(name = "publish", description = "Writes the connection where services read it.")
final class PublishCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  /**
   * What publish did.
   *
   * @param published where, and whether it was written
   * @param schemaVersion newest applied migration
   */
  record Published(String published, String schemaVersion) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    MigrationFiles migrations = files.migrations();
    DatabaseAccess access = database.access(cluster(), false, progress);
    publishing.requirePlace(database.release(cluster()));
    try (Session session = access.ownerSession()) {
      String version =
          session.run(
              "publish", connection -> SchemaState.read(connection, migrations).currentText());
      String published =
          publishing.publisher(access, database, cluster(), progress).publish(session, version);
      print("published: " + published, new Published(published, version));
      return ExitCode.OK;
    }
  }
}
