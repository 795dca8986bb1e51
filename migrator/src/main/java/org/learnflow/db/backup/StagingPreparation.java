package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.schema.Confinement;
import org.learnflow.db.schema.MigrateStep;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.MigrationReport;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.Trial;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;

/**
 * Prepares a loaded dump to replace the running database: migrates it, collects statistics,
 * verifies it, and gives it to the owner.
 *
 * @param counting whether rows are counted
 */
record StagingPreparation(
    RestoreSessions sessions, MigrateStep migrating, boolean counting, Progress progress) {
  private static final String STEP = "restore";

  private MigrationFiles migrations() {
    return migrating.files();
  }

  /**
   * Migrations, statistics, verification, all as the role that loaded it.
   *
   * @param owner a session of the owner in the maintenance database
   */
  Loaded prepare(Connection owner) {
    Trial trial = Trial.of(migrations());
    DatabaseAccess access = sessions.stagingAccess();
    try (Session session = access.ownerSession()) {
      SchemaState state =
          session.run(STEP, connection -> SchemaState.read(connection, migrations()));
      if (!state.newer().isEmpty()) {
        throw SourceDump.newerSchema(state.currentText(), migrations());
      }
      state.requireUnchanged();
      boolean recorded = session.run(STEP, CatalogLedger::isRecorded);
      MigrationReport migrated = migrate(access, session, trial, owner);
      session.run(
          STEP,
          connection -> {
            try (var _ = Ongoing.begin(progress, STEP, "collecting statistics")) {
              Sql.execute(connection, "ANALYZE");
            }
            return true;
          });
      verify(access, session);
      Map<String, Long> rows = counting ? count(session) : Map.of();
      List<String> once =
          sessions.loader().isPresent() ? session.run(STEP, this::leave) : List.of();
      List<String> versions =
          migrated.applied().stream().map(MigrationReport.Applied::version).toList();
      return new Loaded(
          migrated.to(),
          versions,
          once,
          trial.leftOut().stream()
              .filter(one -> versions.contains(one.file().version().toString()))
              .toList(),
          recorded,
          rows);
    }
  }

  private Map<String, Long> count(Session session) {
    try (var _ = Ongoing.begin(progress, STEP, "counting the rows of the dump")) {
      return session.run(STEP, Contents::rows);
    }
  }

  /** What concerns the whole server waits until the database is in place. */
  private MigrationReport migrate(
      DatabaseAccess access, Session session, Trial trial, Connection owner) {
    Confinement confinement = new Confinement(owner, sessions.stagingName(), false, progress);
    try {
      MigrationReport report =
          migrating
              .with(trial.files())
              .run(session, RoleManager.of(access.target(), progress), Optional.of(confinement));
      session.run(
          STEP,
          connection -> {
            trial.correctHistory(connection);
            return true;
          });
      return report;
    } catch (Failure failure) {
      if (sessions.loader().isEmpty() || failure.code() != ExitCode.MIGRATION_FAILED) {
        throw failure;
      }
      throw failure.next(
          failure.next().map(next -> next + "; ").orElse("")
              + "if it needs to run as the owner, and you trust the dump: --trust-dump");
    }
  }

  private void verify(DatabaseAccess access, Session session) {
    Verification verification =
        session.run(STEP, new Verifier(access, migrations(), List.of())::verifyContent);
    if (!verification.healthy()) {
      verification.stages().forEach(stage -> progress.line("verify", stage.line()));
      throw Failure.of(ExitCode.FAILED, "the dump was loaded, but is " + verification.summary())
          .state(StagingLoad.DROPPED)
          .next("fix what it reports and run the same command again");
    }
  }

  /**
   * What the loading role does last.
   *
   * @return statements to run once the database is in place
   */
  private List<String> leave(Connection loading) throws SQLException {
    HandOver.rename(loading, sessions.staging().owner().user(), sessions.ownerName());
    return HandOver.keepAutovacuumAway(loading);
  }

  /**
   * Gives everything to the owner, and grants the owner and the services their privileges. Runs no
   * code of the dump.
   */
  void handOver(DumpLoad dump) {
    RoleManager roles = new RoleManager(sessions.live().names(), sessions.stagingName(), progress);
    try (Session session = sessions.ownerIn(sessions.stagingName());
        var _ = Ongoing.begin(progress, STEP, "giving everything to the owner")) {
      if (sessions.loader().isPresent()) {
        String loader = sessions.loader().get().name();
        session.run(
            STEP,
            connection -> {
              new HandOver(connection, loader, sessions.ownerName(), progress)
                  .run(dump.defaultPrivileges());
              return true;
            });
      }
      session.run(
          STEP,
          connection -> {
            dump.largeObjects().giveBack(connection, progress);
            return true;
          });
      session.run(STEP, roles::ensureRights);
    }
  }
}
