package org.learnflow.db.cli;

import java.nio.file.Path;
import org.learnflow.db.AdvisoryLock;
import org.learnflow.db.backup.Backup;
import org.learnflow.db.backup.BackupDescription;
import org.learnflow.db.backup.PostgresPrograms;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;

/** Makes dumps, for every command that wants one. */
final class Backups {
  private static final String STEP = "backup";
  private static final String NOTHING_APPLIED = "none";

  private final ProgramsOptions programs;
  private final ClusterOptions cluster;
  private final MigrationFiles migrations;
  private final ConsoleProgress progress;

  Backups(
      ProgramsOptions programs,
      ClusterOptions cluster,
      MigrationFiles migrations,
      ConsoleProgress progress) {
    this.programs = programs;
    this.cluster = cluster;
    this.migrations = migrations;
    this.progress = progress;
  }

  /**
   * Dumps a database into a file, which is whole in the end, or not there.
   *
   * @param session of the owner
   * @param replace whether a file that is there already is replaced
   */
  BackupDescription make(
      DatabaseOptions.Target target, Session session, Path file, boolean replace) {
    Backup backup = new Backup(file, progress);
    backup.check(replace);
    Backup.Facts facts = session.run(STEP, Backup.Facts::read);
    String schema =
        session.run(STEP, connection -> SchemaState.read(connection, migrations).currentText());
    PostgresPrograms dumping =
        programs.forDump(target, cluster, PostgresPrograms.major(facts.server()));
    PostgresPrograms reading =
        programs.forReading(
            target, dumping, PostgresPrograms.major(dumping.version(PostgresPrograms.PG_DUMP)));
    BackupDescription description = backup.make(dumping, reading, facts, schema, Version.number());
    if (!schema.equals(NOTHING_APPLIED)) {
      session.run(
          STEP,
          connection -> {
            try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
              backup.enter(connection, description);
            }
            return description;
          });
    }
    return description;
  }
}
