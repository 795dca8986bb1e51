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

/** A rollback with what comes before and after it: confirmation, verification, publication. */
public record RollbackRun(
    DatabaseAccess access, MigrationFiles migrations, Publisher publisher, Progress progress) {

  /**
   * The result of a rollback.
   *
   * @param version that the schema is at, or "none"
   * @param published empty if the database is not healthy
   */
  public record Finished(String version, Verification verification, String published) {}

  /**
   * Refuses a plan whose losses are unknown.
   *
   * @param otherwise what the same command with another option does
   * @throws Failure 10 if they are unknown
   */
  public static void requireSeen(RollbackPlan plan, String otherwise) {
    plan.unseen()
        .ifPresent(why -> {
          throw Failure.of(ExitCode.REFUSED, "what would be lost could not be determined: " + why)
              .state("nothing was changed")
              .next("run the same command at a quieter moment; " + otherwise);
        });
  }

  /**
   * Continues only with a backup, or explicitly without one, and only if it is confirmed.
   *
   * @param backup if one is requested
   * @param noBackup whether none is requested explicitly
   * @param confirmed whether {@code --yes} was given
   * @throws Failure 10 if it must not continue
   */
  public void requireConsent(
      RollbackPlan plan,
      Optional<Path> backup,
      boolean noBackup,
      boolean confirmed,
      Confirmation confirmation) {
    if (backup.isEmpty() && !noBackup) {
      throw Failure.of(
              ExitCode.REFUSED, "undoing migrations is irreversible, and no backup was requested")
          .state("nothing was changed")
          .next("run the same command with --backup FILE, or with --no-backup");
    }
    if (!confirmed) {
      requireSeen(plan, "with --yes it is done anyway");
    }
    confirmation.confirm(
        "%d migrations in %s are undone, down to %s."
            .formatted(
                plan.undo().size() + plan.failed().size(), access.target().owner(), plan.to()));
  }

  /** Verifies the database and publishes it: also if a killed run left that to do. */
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
      progress.line("next", "if SCHEMA_VERSION is published elsewhere: learnflow-db publish");
    }
    return new Finished(version, verification, published);
  }
}
