package org.learnflow.db.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.backup.Backup;
import org.learnflow.db.backup.BackupDescription;
import org.learnflow.db.backup.DumpWriter;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Dumps the database into a file. */
@Command(
    name = "backup",
    description =
        "Dumps the database into FILE, in pg_dump's custom format, and reads the whole dump back;"
            + " FILE.json describes the dump.")
final class BackupCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private ProgramsOptions programs = new ProgramsOptions();

  @Parameters(arity = "0..1", paramLabel = "FILE", description = "The file to write.")
  private @Nullable Path file;

  @Option(
      names = "--replace",
      description = "Replace FILE if it already exists, once the new dump is complete.")
  private boolean replace;

  /** What backup wrote: the file and its description. */
  record Made(String file, BackupDescription description) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    if (file == null) {
      throw Failure.of(ExitCode.USAGE, "no file is specified")
          .state("nothing was changed")
          .next("learnflow-db backup FILE, such as learnflow.dump");
    }
    new DumpWriter(file, progress).check(replace);
    MigrationFiles migrations = files.migrations();
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      BackupDescription made =
          new Backup(
                  programs.finder(database.release(cluster()), cluster()),
                  migrations,
                  access,
                  progress)
              .make(access.target(), session, file, replace);
      print(
          "%s: %d bytes, schema %s, SHA-256 %s"
              .formatted(file, made.bytes(), made.schemaVersion(), made.sha256()),
          new Made(file.toString(), made));
      return ExitCode.OK;
    }
  }
}
