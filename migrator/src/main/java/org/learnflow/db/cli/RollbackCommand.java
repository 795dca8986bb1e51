package org.learnflow.db.cli;

import java.util.List;
import java.util.Optional;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.backup.Backup;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.rollback.Rollback;
import org.learnflow.db.rollback.RollbackPlan;
import org.learnflow.db.rollback.RollbackRun;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.verify.RecordedRun;
import org.learnflow.db.verify.Verification;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Undoes migrations. */
@Command(
    name = "rollback",
    description =
        "Undoes applied migrations that are newer than a version, newest first, one transaction"
            + " each, with the undo scripts that are stored in the database. First shows what would"
            + " be undone and lost, and asks for confirmation.",
    footer = {
      "",
      "See what would happen:  learnflow-db rollback --to 7 --dry-run",
      "Do it, after a backup:  learnflow-db rollback --to 7 --backup before.dump"
    })
final class RollbackCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();
  @Mixin private ProgramsOptions programs = new ProgramsOptions();

  @Mixin private RollbackOptions asked = new RollbackOptions();

  @Override
  boolean raisesEvents() {
    return asked.helmRevision().isPresent();
  }

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    asked.check();
    MigrationFiles migrations = files.migrations();
    Optional<MigrationVersion> wanted = asked.wanted(migrations);
    DatabaseAccess access = database.access(cluster(), false, progress);
    RollbackRun run =
        new RollbackRun(
            access,
            migrations,
            publishing.publisher(access, database, cluster(), progress),
            progress);
    try (Session session = access.ownerSession()) {
      Rollback rollback =
          new Rollback(
              session.source(),
              migrations,
              wanted,
              asked.isFromFiles(),
              asked.lockRetries(),
              RoleManager.of(access.target(), progress),
              progress);
      if (asked.helmRevision().isPresent() && session.run(Rollback.STEP, rollback::isNeeded)) {
        asked.guard(cluster()).require(session, asked.helmRevision().getAsInt());
      }
      RollbackPlan plan = session.run(Rollback.STEP, rollback::plan);
      if (asked.isDryRun()) {
        RollbackRun.requireSeen(plan, "--dry-run cannot show it");
      }
      if (asked.isDryRun() || (plan.isEmpty() && asked.helmRevision().isPresent())) {
        print(RollbackOutput.text(plan), RollbackOutput.document(plan));
        return ExitCode.OK;
      }
      publishing.requireConnection(access.target(), database.release(cluster()));
      List<String> undone = List.of();
      if (!plan.isEmpty()) {
        prepare(run, plan, session, progress);
        undone =
            new RecordedRun(Rollback.STEP, migrations)
                .in(
                    session,
                    () -> session.run(Rollback.STEP, connection -> rollback.undo(connection, plan)),
                    _ -> Optional.empty());
      }
      return conclude(plan, undone, run.finish(session));
    }
  }

  /** Shows the plan, asks for confirmation, makes the backup. */
  private void prepare(
      RollbackRun run, RollbackPlan plan, Session session, ConsoleProgress progress) {
    RollbackOutput.text(plan).lines().forEach(line -> progress.line(Rollback.STEP, line));
    if (asked.helmRevision().isPresent()) {
      return;
    }
    run.requireConsent(
        plan, asked.backup(), asked.isWithoutBackup(), confirmation.isGiven(), confirmation);
    asked
        .backup()
        .ifPresent(file ->
            new Backup(
                    programs.finder(database.release(cluster()), cluster()),
                    run.migrations(),
                    run.access(),
                    progress)
                .make(run.access().target(), session, file, false));
  }

  private ExitCode conclude(RollbackPlan plan, List<String> undone, RollbackRun.Finished finished) {
    Verification verification = finished.verification();
    print(
        "%s\n%s"
            .formatted(
                plan.isEmpty()
                    ? RollbackOutput.text(plan)
                    : "done: schema at %s, %d migrations undone"
                        .formatted(finished.version(), undone.size()),
                verification.summary()),
        RollbackOutput.document(plan, undone, finished));
    conclude(
        "schema %s, %d migrations undone, %s"
            .formatted(finished.version(), undone.size(), verification.summary()));
    return verification.healthy() ? ExitCode.OK : ExitCode.FAILED;
  }
}
