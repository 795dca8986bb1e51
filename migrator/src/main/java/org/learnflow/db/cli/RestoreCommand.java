package org.learnflow.db.cli;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.backup.Drill;
import org.learnflow.db.backup.DropOld;
import org.learnflow.db.backup.Restore;
import org.learnflow.db.backup.SourceDump;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.offsite.DumpStore;
import org.learnflow.db.offsite.ObjectUri;
import org.learnflow.db.offsite.TemporaryFolder;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Puts a dump in the database's place. */
@Command(
    name = "restore",
    description =
        "Loads FILE into a staging database, migrates and verifies it, and only then puts it in the"
            + " database's place, in one step; the old database is kept under another name. Asks"
            + " for confirmation first.")
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

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private OffsiteOptions offsite;

  @Parameters(
      arity = "0..1",
      paramLabel = "FILE",
      converter = DumpArgument.class,
      description =
          "A dump in pg_dump's custom format, such as backup makes: a file, or an object in a bucket,"
              + " s3://BUCKET/NAME.dump.")
  private @Nullable String file;

  @Mixin private DrillOptions drilling = new DrillOptions();

  @Option(names = "--replace", description = "Restore even if the database already has rows.")
  private boolean replace;

  @Option(
      names = "--no-acl",
      description =
          "Leave out the privileges in the dump, for a dump that names roles which do not exist on"
              + " this server; the owner and the service role get theirs anyway.")
  private boolean noAcl;

  @Option(
      names = "--trust-dump",
      description =
          "Load the dump as the owner: for when there are no admin credentials to create a separate"
              + " role for this. Code in the dump then runs with the owner's privileges, on the"
              + " running database too.")
  private boolean trustDump;

  @Option(
      names = "--drop-old",
      description = "Drop the databases that earlier restores kept; without FILE.")
  private boolean dropOld;

  /** What --drop-old did. */
  record Dropped(List<String> dropped) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    MigrationFiles migrations = files.migrations();
    if (drilling.requested() && (replace || dropOld)) {
      throw Failure.of(
              ExitCode.USAGE,
              "--drill replaces and drops nothing: it cannot be used with --replace or --drop-old")
          .state("nothing was changed")
          .next("learnflow-db restore --drill FILE");
    }
    if (dropOld == (file != null)) {
      throw Failure.of(
              ExitCode.USAGE,
              dropOld ? "FILE and --drop-old cannot be used together" : "no file is specified")
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
    if (!ObjectUri.names(file)) {
      return restore(Path.of(file), migrations, progress);
    }
    try (DumpStore store = offsite.store(progress, "restore");
        TemporaryFolder folder = offsite.temporaryFolder()) {
      return restore(store.fetch(ObjectUri.object(file), folder.path()), migrations, progress);
    }
  }

  private ExitCode restore(Path dump, MigrationFiles migrations, ConsoleProgress progress) {
    Restore.Options options = new Restore.Options(replace, noAcl, trustDump);
    if (drilling.requested()) {
      Drill tried =
          restore(migrations, progress)
              .drill(DrillOptions.newest(dump), options, drilling.volume());
      print(tried.text(), tried);
      return ExitCode.OK;
    }
    SourceDump source = SourceDump.read(dump, migrations);
    Restore.Restored restored = restore(migrations, progress).run(source, options);
    print(
        "restored: %s at schema %s".formatted(restored.database(), restored.schemaVersion()),
        restored);
    return ExitCode.OK;
  }

  private Restore restore(MigrationFiles migrations, ConsoleProgress progress) {
    DatabaseAccess access = database.access(cluster(), false, progress);
    return new Restore(
        access,
        migrating.step(migrations, progress),
        programs.finder(database.release(cluster()), cluster()),
        publishing.publisher(access, database, cluster(), progress),
        confirmation,
        progress);
  }
}
