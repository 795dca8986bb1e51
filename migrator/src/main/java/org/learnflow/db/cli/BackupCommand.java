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
import org.learnflow.db.offsite.DumpStore;
import org.learnflow.db.offsite.ObjectUri;
import org.learnflow.db.offsite.TemporaryFolder;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Dumps the database into a file. */
@Command(
    name = "backup",
    description =
        "Dumps the database into FILE, or into a bucket, in pg_dump's custom format, and reads the"
            + " whole dump back; FILE.json describes the dump.")
final class BackupCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private ProgramsOptions programs = new ProgramsOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private OffsiteOptions offsite;

  @Parameters(
      arity = "0..1",
      paramLabel = "FILE",
      converter = DumpArgument.class,
      description = "The file to write, or an object in a bucket: s3://BUCKET/NAME.dump.")
  private @Nullable String file;

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
    if (ObjectUri.names(file)) {
      return store(ObjectUri.object(file), progress);
    }
    Path dump = Path.of(file);
    new DumpWriter(dump, progress).check(replace);
    report(file, dump(dump, replace, Backup.Keeping.in(dump), progress));
    return ExitCode.OK;
  }

  private ExitCode store(ObjectUri to, ConsoleProgress progress) {
    try (DumpStore store = offsite.store(progress, "backup");
        TemporaryFolder folder = offsite.temporaryFolder()) {
      store.check(to, replace);
      Path dump = folder.path().resolve(to.name());
      Backup.Keeping keeping =
          made -> {
            store.putDescribed(dump, made, to, replace);
            return to.toString();
          };
      report(to.toString(), dump(dump, false, keeping, progress));
      return ExitCode.OK;
    }
  }

  private BackupDescription dump(
      Path dump, boolean replace, Backup.Keeping keeping, ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      return new Backup(
              programs.finder(database.release(cluster()), cluster()), migrations, access, progress)
          .make(access.target(), session, dump, replace, keeping);
    }
  }

  private void report(String written, BackupDescription made) {
    print(
        "%s: %d bytes, schema %s, SHA-256 %s"
            .formatted(written, made.bytes(), made.schemaVersion(), made.sha256()),
        new Made(written, made));
  }
}
