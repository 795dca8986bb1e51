package org.learnflow.db.cli;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.HelmRevisions;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.rollback.Rollback;
import org.learnflow.db.rollback.RollbackPlan;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Undoes migrations. */
@Command(
    name = "rollback",
    description =
        "Undoes applied migrations newer than a version, newest first, one transaction each, by the"
            + " undo scripts that are stored in the database. Shows first what would be undone and"
            + " lost, and asks.",
    footer = {
      "",
      "See what would happen:  learnflow-db rollback --to 7 --dry-run",
      "Do it, after a backup:  learnflow-db rollback --to 7 --backup before.dump"
    })
final class RollbackCommand extends BaseCommand {
  private static final String STEP = "rollback";
  private static final String DEFAULT_MAX_AGE = "24h";

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();
  @Mixin private ProgramsOptions programs = new ProgramsOptions();

  @Option(
      names = "--to",
      paramLabel = "V",
      description = "The newest version to keep; none (or 0) undoes all.")
  private @Nullable String to;

  @Option(
      names = "--dry-run",
      description =
          "Show what would be undone and lost, change nothing; the tables are locked for a moment.")
  private boolean dryRun;

  @Option(
      names = "--backup",
      paramLabel = "FILE",
      description = "Make this backup first, as the command backup does.")
  private @Nullable Path backup;

  @Option(names = "--no-backup", description = "Make no backup first.")
  private boolean noBackup;

  @Option(
      names = "--from-files",
      description =
          "Take the undo scripts from --migrations, not from the database: for one that was"
              + " corrected, or that is not stored.")
  private boolean fromFiles;

  @Option(
      names = "--lock-retries",
      paramLabel = "N",
      description = "How often an undo is tried again that got no lock (default: 3).")
  private int lockRetries = 3;

  @Option(
      names = "--to-helm-revision",
      paramLabel = "N",
      description =
          "For the chart's pre-rollback hook, in place of --to: in the image of revision N, undoes"
              + " what that image does not have. Does so only while Helm rolls --release back, and"
              + " only after a recent backup; does not ask.")
  private @Nullable Integer helmRevision;

  @Option(
      names = "--backup-max-age",
      paramLabel = "TIME",
      description = "With --to-helm-revision: how old the last backup may be (default: 24h).")
  private String backupMaxAge = DEFAULT_MAX_AGE;

  @Override
  boolean raisesEvents() {
    return helmRevision != null;
  }

  @Override
  ExitCode execute(ConsoleProgress progress) {
    check();
    MigrationFiles migrations = files.migrations();
    Optional<MigrationVersion> wanted = wanted(migrations);
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      Rollback rollback =
          new Rollback(
              session.source(),
              migrations,
              wanted,
              fromFiles,
              lockRetries,
              RoleManager.of(access.target(), progress),
              progress);
      if (helmRevision != null && session.run(STEP, rollback::isNeeded)) {
        requireHelmRollback(helmRevision);
        requireBackup(session, helmRevision);
      }
      RollbackPlan plan = session.run(STEP, rollback::plan);
      if (dryRun) {
        requireSeen(plan, "--dry-run shows nothing then");
        print(text(plan), document(plan));
        return ExitCode.OK;
      }
      if (plan.isEmpty() && helmRevision != null) {
        print(text(plan), document(plan));
        return ExitCode.OK;
      }
      publishing.requireConnection(access.target(), database.release(cluster()));
      List<String> undone = List.of();
      if (!plan.isEmpty()) {
        prepare(plan, migrations, session, access, progress);
        undone = session.run(STEP, connection -> rollback.undo(connection, plan));
      }
      // Also where nothing was to do: a run that was killed did not come this far.
      return finish(plan, undone, migrations, session, access, progress);
    }
  }

  /** Refuses what cannot be meant before any work is done. */
  private void check() {
    publishing.check();
    if ((to == null) == (helmRevision == null)) {
      throw usage(
              to == null ? "no version is named" : "--to and --to-helm-revision exclude each other")
          .next(
              "name the newest version to keep: learnflow-db rollback --to V, or --to none for all");
    }
    if (to != null && !to.equals("none") && !to.matches("\\d+([._]\\d+)*")) {
      throw usage("--to is no version" + GivenOptions.shown(to))
          .next("give it like 7 or 007, or none");
    }
    if (backup != null && noBackup) {
      throw usage("--backup and --no-backup exclude each other").next("give one of them");
    }
    MigrateOptions.requireRetries(lockRetries);
    maxAge();
  }

  private Duration maxAge() {
    return Durations.parse("--backup-max-age", backupMaxAge);
  }

  private static Failure usage(String what) {
    return Failure.of(ExitCode.USAGE, what).state("nothing was changed");
  }

  /** The newest version to keep. */
  private Optional<MigrationVersion> wanted(MigrationFiles migrations) {
    if (helmRevision != null) {
      return Optional.of(
          migrations
              .newest()
              .orElseThrow(() -> usage("there are no migrations in " + migrations.directory())));
    }
    return Optional.of(Objects.requireNonNull(to))
        .filter(version -> !version.matches("none|0+"))
        .map(MigrationVersion::fromVersion);
  }

  /** Shows, makes the backup, asks. */
  private void prepare(
      RollbackPlan plan,
      MigrationFiles migrations,
      Session session,
      DatabaseAccess access,
      ConsoleProgress progress) {
    text(plan).lines().forEach(line -> progress.line(STEP, line));
    if (helmRevision != null) {
      return;
    }
    if (backup == null && !noBackup) {
      throw Failure.of(
              ExitCode.REFUSED, "undoing cannot be taken back, and no backup was asked for")
          .state("nothing was changed")
          .next("run the same command with --backup FILE, or with --no-backup");
    }
    if (!confirmation.isGiven()) {
      requireSeen(plan, "with --yes it is done all the same");
    }
    confirmation.confirm(
        "%d migrations in %s are undone, down to %s."
            .formatted(
                plan.undo().size() + plan.failed().size(), access.target().owner(), plan.to()));
    if (backup != null) {
      new Backups(
              programs.finder(database.release(cluster()), cluster()), migrations, access, progress)
          .make(access.target(), session, backup, false);
    }
  }

  private static void requireSeen(RollbackPlan plan, String otherwise) {
    plan.unseen()
        .ifPresent(why -> {
          throw Failure.of(ExitCode.REFUSED, "what would be lost could not be found out: " + why)
              .state("nothing was changed")
              .next("run the same command at a quieter moment; " + otherwise);
        });
  }

  private ExitCode finish(
      RollbackPlan plan,
      List<String> undone,
      MigrationFiles migrations,
      Session session,
      DatabaseAccess access,
      ConsoleProgress progress) {
    SchemaState state = session.run(STEP, connection -> SchemaState.read(connection, migrations));
    // Newer files are pending again. Seeds whose tables are gone are loaded by the next run.
    Verification verification =
        new Verifier(access, migrations.upTo(state.current()), List.of()).verify(session);
    String version = state.currentText();
    String published = "";
    if (verification.healthy()) {
      progress.line("verify", "healthy, %d stages".formatted(verification.stages().size()));
      published =
          publishing.publisher(access, database, cluster(), progress).publish(session, version);
      progress.line("publish", published);
      if (published.startsWith("nowhere")) {
        progress.line("next", "where SCHEMA_VERSION is published: learnflow-db publish");
      }
    } else {
      verification.stages().forEach(stage -> progress.line("verify", stage.line()));
      progress.line("publish", "not done, since the database is not healthy");
    }
    print(
        "%s\n%s"
            .formatted(
                plan.isEmpty()
                    ? text(plan)
                    : "done: schema at %s, %d migrations undone".formatted(version, undone.size()),
                verification.summary()),
        document(plan, undone, verification, published));
    conclude(
        "schema %s, %d migrations undone, %s"
            .formatted(version, undone.size(), verification.summary()));
    return verification.healthy() ? ExitCode.OK : ExitCode.FAILED;
  }

  private void requireHelmRollback(int revision) {
    Optional<HelmRevisions.Revision> newest;
    try {
      newest =
          new HelmRevisions(cluster().api(), cluster().namespace(), cluster().release())
              .newestAfter(revision);
    } catch (Failure e) {
      throw wayOut(e.code(), "Helm's records could not be read: " + e.what(), revision);
    }
    String status = newest.map(HelmRevisions.Revision::status).orElse("none");
    if (!status.equals("pending-rollback")) {
      throw wayOut(
          ExitCode.REFUSED,
          newest
              .map(found ->
                  "Helm is not rolling release %s back: its revision %d is %s"
                      .formatted(cluster().release(), found.number(), status))
              .orElse(
                  "Helm is not rolling release %s back: there is no revision %d to %d"
                      .formatted(
                          cluster().release(), revision + 1, revision + HelmRevisions.WINDOW)),
          revision);
    }
  }

  private void requireBackup(Session session, int revision) {
    long seconds = maxAge().toSeconds();
    session
        .run(STEP, connection -> whyNoRecentBackup(connection, seconds))
        .ifPresent(why -> {
          throw wayOut(
              ExitCode.REFUSED,
              "undoing migrations needs a backup of the last %s, and %s"
                  .formatted(backupMaxAge, why),
              revision);
        });
  }

  private static Optional<String> whyNoRecentBackup(Connection connection, long seconds)
      throws SQLException {
    String none = "there is none";
    try (PreparedStatement select =
        connection.prepareStatement(
            """
            SELECT date_trunc('second', now() - max(finished_at))::text,
                   max(finished_at) > now() - make_interval(secs => ?)
            FROM learnflow_db.backups
            """)) {
      select.setLong(1, seconds);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        if (row.getBoolean(2)) {
          return Optional.empty();
        }
        String age = row.getString(1);
        return Optional.of(age == null ? none : "the last one is %s old".formatted(age));
      }
    } catch (SQLException e) {
      if (SqlStates.UNDEFINED_TABLE.equals(e.getSQLState())) {
        return Optional.of(none);
      }
      throw e;
    }
  }

  /** A failed hook leaves the release in pending-rollback; only this goes on from there. */
  private Failure wayOut(ExitCode code, String what, int revision) {
    return Failure.of(code, what)
        .state("nothing was changed; Helm leaves the release in pending-rollback")
        .next(
            "keep the newer schema: helm rollback %s %d -n %s --no-hooks; docs/rollback.md"
                .formatted(cluster().release(), revision, cluster().namespace()));
  }

  private static String text(RollbackPlan plan) {
    if (plan.isEmpty()) {
      return "nothing to do: schema at " + plan.from();
    }
    List<String> lines = new ArrayList<>();
    lines.add("from %s to %s, in this order:".formatted(plan.from(), plan.to()));
    plan.failed()
        .forEach(script -> lines.add("  remove what the failed %s left".formatted(script)));
    plan.undo().forEach(script -> lines.add("  undo " + script));
    plan.unseen()
        .ifPresentOrElse(
            why -> lines.add("what is lost could not be found out: " + why),
            () ->
                lines.add(
                    plan.lost().isEmpty() ? "no table, no column and no row is lost" : "lost:"));
    plan.lost().forEach(loss -> lines.add("  " + loss.text()));
    return String.join("\n", lines);
  }

  private static Map<String, Object> document(RollbackPlan plan) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("from", plan.from());
    document.put("to", plan.to());
    document.put("undo", plan.undo());
    document.put("failed", plan.failed());
    document.put("lost", plan.lost());
    return document;
  }

  private static Map<String, Object> document(
      RollbackPlan plan, List<String> undone, Verification verification, String published) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("from", plan.from());
    document.put("to", plan.to());
    document.put("undone", undone);
    document.put("lost", plan.lost());
    document.put("verification", VerifyCommand.document(verification));
    document.put("published", published);
    return document;
  }
}
