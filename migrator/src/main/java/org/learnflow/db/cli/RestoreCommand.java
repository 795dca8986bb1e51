package org.learnflow.db.cli;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.backup.DropOld;
import org.learnflow.db.backup.Restore;
import org.learnflow.db.backup.SourceDump;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Puts a dump in the database's place. */
@Command(
    name = "restore",
    description =
        "Loads FILE into a side database, migrates and verifies it, and only then puts it in the"
            + " database's place, at one moment; the old database stays under another name. Asks"
            + " first.")
final class RestoreCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private MigrateOptions migrating = new MigrateOptions();
  @Mixin private ProgramsOptions programs = new ProgramsOptions();
  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  @Parameters(
      arity = "0..1",
      paramLabel = "FILE",
      description = "A dump in pg_dump's custom format, such as backup makes.")
  private @Nullable Path file;

  @Option(names = "--replace", description = "Also where the database has rows already.")
  private boolean replace;

  @Option(
      names = "--no-acl",
      description =
          "Leave out the rights that the dump holds, for where it names roles that this server has"
              + " not; owner and services get theirs anyway.")
  private boolean noAcl;

  @Option(
      names = "--trust-dump",
      description =
          "Load the dump as the owner itself: for where there are no admin credentials, with which a"
              + " role of its own is made for that. Whatever code is in the dump then runs with the"
              + " owner's rights, on the live database too.")
  private boolean trustDump;

  @Option(
      names = "--drop-old",
      description = "Drop the databases that earlier restores put aside; without FILE.")
  private boolean dropOld;

  /** What --drop-old did. */
  record Dropped(List<String> dropped) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    MigrationFiles migrations = files.migrations();
    if (dropOld == (file != null)) {
      throw Failure.of(
              ExitCode.USAGE,
              dropOld ? "FILE and --drop-old exclude each other" : "no file is named")
          .state("nothing was changed")
          .next("learnflow-db restore FILE, or learnflow-db restore --drop-old");
    }
    if (file == null) {
      List<String> dropped =
          new DropOld(database.access(cluster(), false, progress), confirmation, progress).run();
      print(
          dropped.isEmpty() ? "nothing to drop" : "dropped: " + String.join(", ", dropped),
          new Dropped(dropped));
      return ExitCode.OK;
    }
    migrating.check();
    SourceDump source = SourceDump.read(file, migrations);
    DatabaseAccess access = database.access(cluster(), false, progress);
    Restore restore =
        new Restore(
            access,
            migrating.step(migrations, progress),
            programs.finder(database.release(cluster()), cluster()),
            publishing.publisher(access, database, cluster(), progress),
            confirmation,
            progress);
    Restore.Restored restored = restore.run(source, new Restore.Options(replace, noAcl, trustDump));
    print(
        "restored: %s at schema %s".formatted(restored.database(), restored.schemaVersion()),
        restored);
    return ExitCode.OK;
  }
}
