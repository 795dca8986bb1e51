package org.learnflow.db.rollback;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.Confirmation;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.publish.Publisher;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;

/** A rollback with what comes before it and after it: the consent, verification, publication. */
public record RollbackRun(
    DatabaseAccess access, MigrationFiles migrations, Publisher publisher, Progress progress) {

  /**
   * What is there when it is done.
   *
   * @param version that the schema is at, or "none"
   * @param published empty where the database is not healthy
   */
  public record Finished(String version, Verification verification, String published) {}

  /**
   * Refuses a plan whose losses are not known.
   *
   * @param otherwise what the same command with another option does
   * @throws Failure 10 where it is so
   */
  public static void requireSeen(RollbackPlan plan, String otherwise) {
    plan.unseen()
        .ifPresent(why -> {
          throw Failure.of(ExitCode.REFUSED, "what would be lost could not be found out: " + why)
              .state("nothing was changed")
              .next("run the same command at a quieter moment; " + otherwise);
        });
  }

  /**
   * Goes on only with a backup, or without one on purpose, and where somebody says yes.
   *
   * @param backup where one is asked for
   * @param noBackup whether none is wanted
   * @param confirmed whether yes was said beforehand
   * @throws Failure 10 where it must not go on
   */
  public void requireConsent(
      RollbackPlan plan,
      Optional<Path> backup,
      boolean noBackup,
      boolean confirmed,
      Confirmation confirmation) {
    if (backup.isEmpty() && !noBackup) {
      throw Failure.of(
              ExitCode.REFUSED, "undoing cannot be taken back, and no backup was asked for")
          .state("nothing was changed")
          .next("run the same command with --backup FILE, or with --no-backup");
    }
    if (!confirmed) {
      requireSeen(plan, "with --yes it is done all the same");
    }
    confirmation.confirm(
        "%d migrations in %s are undone, down to %s."
            .formatted(
                plan.undo().size() + plan.failed().size(), access.target().owner(), plan.to()));
  }

  /** Verifies what is left and publishes it: also what a run that was killed left to do. */
  public Finished finish(Session session) {
    SchemaState state =
        session.run(Rollback.STEP, connection -> SchemaState.read(connection, migrations));
    // Newer files are pending again. Seeds whose tables are gone are loaded by the next run.
    Verification verification =
        new Verifier(access, migrations.upTo(state.current()), List.of()).verify(session);
    String version = state.currentText();
    verification.report(progress);
    if (!verification.healthy()) {
      return new Finished(version, verification, "");
    }
    String published = publisher.publish(session, version);
    progress.line("publish", published);
    if (published.startsWith("nowhere")) {
      progress.line("next", "where SCHEMA_VERSION is published: learnflow-db publish");
    }
    return new Finished(version, verification, published);
  }
}
