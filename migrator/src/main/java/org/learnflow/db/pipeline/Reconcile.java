package org.learnflow.db.pipeline;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.Session;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.Rebuild;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.verify.ServiceLogin;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;

/**
 * Verifies an existing database and publishes it again if the published connection was lost;
 * changes nothing else.
 *
 * @param rebuildEmpty whether the whole pipeline runs if no migration is applied
 */
public record Reconcile(Pipeline pipeline, boolean rebuildEmpty) {
  /** How it ended. */
  public enum Outcome {
    UNCHANGED,
    PUBLISHED,
    REBUILT,
    SKIPPED,
    UNHEALTHY
  }

  /**
   * What was found and done.
   *
   * @param reason why it was skipped
   * @param pending migrations that were not applied
   */
  public record Result(
      Outcome outcome,
      String reason,
      String schemaVersion,
      List<String> pending,
      List<StageResult> stages,
      String published) {
    /** All stages together. */
    public Verification verification() {
      return new Verification(true, stages);
    }

    /** The same; empty if it was skipped. */
    public Optional<Verification> verified() {
      return Optional.of(verification()).filter(_ -> outcome != Outcome.SKIPPED);
    }

    /** The stages with a warning. */
    public List<StageResult> warnings() {
      return stages.stream().filter(StageResult::warning).toList();
    }
  }

  private Progress progress() {
    return pipeline.progress();
  }

  /** Verifies and publishes in the owner's session. */
  public Result run(Session owner) {
    return look(owner).orElseGet(() -> rebuild(owner));
  }

  /** The result for an existing database; empty if it is to be rebuilt. */
  private Optional<Result> look(Session session) {
    try {
      // One step, so that it starts again when the connection, and the locks with it, are lost.
      return session.run("reconcile", connection -> look(connection));
    } catch (Failure failure) {
      if (rebuildEmpty && failure.code() == ExitCode.NOT_DEPLOYED) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  /**
   * Under the locks that every change takes, so that nothing outdated is published; other commands
   * wait for them meanwhile.
   */
  private Optional<Result> look(Connection connection) throws SQLException {
    Optional<AdvisoryLock.Held> busy = AdvisoryLock.tryAll(connection);
    if (busy.isPresent()) {
      busy.get().refuseForeign();
      String reason = "another learnflow-db is changing the database: " + busy.get().text();
      return Optional.of(new Result(Outcome.SKIPPED, reason, "", List.of(), List.of(), ""));
    }
    try {
      SchemaState state = SchemaState.read(connection, pipeline.migrating().files());
      boolean empty = state.applied().isEmpty() && state.failed().isEmpty();
      if (rebuildEmpty && (empty || Rebuild.isUnfinished(connection))) {
        return Optional.empty();
      }
      return Optional.of(keep(connection, state));
    } finally {
      releaseQuietly(connection);
    }
  }

  private static void releaseQuietly(Connection connection) {
    try {
      AdvisoryLock.releaseAll(connection);
    } catch (SQLException e) {
      // They ended with the session.
    }
  }

  private Result keep(Connection connection, SchemaState state) throws SQLException {
    Verifier verifier = pipeline.verifier();
    List<StageResult> stages = new ArrayList<>(verifier.verifyAsItIs(connection).stages());
    stages.addAll(ServiceLogin.look(pipeline.access()));
    stages.add(verifier.drift(connection));
    List<String> pending = state.pending().stream().map(MigrationFile::name).toList();
    Verification verification = new Verification(true, List.copyOf(stages));
    verification.report(progress());
    if (!verification.healthy()) {
      return new Result(
          Outcome.UNHEALTHY, "", state.currentText(), pending, verification.stages(), "");
    }
    stages.stream()
        .filter(StageResult::warning)
        .forEach(stage -> progress().line("verify", stage.line()));
    if (!pending.isEmpty()) {
      progress()
          .line("migrate", "reconcile applies no migrations; the next helm upgrade or sync does");
    }
    String published = pipeline.publisher().publishLocked(state.currentText());
    progress().line("publish", published);
    return new Result(
        published.endsWith("written") ? Outcome.PUBLISHED : Outcome.UNCHANGED,
        "",
        state.currentText(),
        pending,
        verification.stages(),
        published);
  }

  /** The locks were released: this is what any run does, and several can do it at once. */
  private Result rebuild(Session session) {
    progress().line("reconcile", "the database is empty; running every step of run");
    List<String> roles = pipeline.roles(session);
    session.run(
        "reconcile",
        connection -> {
          Rebuild.begin(connection, progress());
          return true;
        });
    Pipeline.Outcome outcome = pipeline.run(session, () -> roles);
    boolean healthy = outcome.verification().healthy();
    if (healthy) {
      session.run(
          "reconcile",
          connection -> {
            Rebuild.finish(connection);
            return true;
          });
    }
    return new Result(
        healthy ? Outcome.REBUILT : Outcome.UNHEALTHY,
        "",
        outcome.migrated().to(),
        List.of(),
        outcome.verification().stages(),
        outcome.published());
  }
}
