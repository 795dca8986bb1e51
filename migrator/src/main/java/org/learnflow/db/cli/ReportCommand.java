package org.learnflow.db.cli;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Version;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.plan.MigrationPlan;
import org.learnflow.db.plan.Planner;
import org.learnflow.db.report.Answer;
import org.learnflow.db.report.DatabaseTables;
import org.learnflow.db.report.Report;
import org.learnflow.db.report.ReportFile;
import org.learnflow.db.report.ReportPage;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.ScratchDatabase;
import org.learnflow.db.verify.DatabaseStatus;
import org.learnflow.db.verify.ReleaseStatus;
import org.learnflow.db.verify.Runs;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes down what is known about a database, for somebody else. */
@Command(
    name = "report",
    description =
        "Writes an HTML page about the database: health, schema, pending migrations, runs, services,"
            + " dumps. It has no script, loads nothing and contains no passwords.")
final class ReportCommand extends BaseCommand {
  private static final String STANDARD_OUTPUT = "-";
  private static final int RUNS = 20;

  @Parameters(
      arity = "0..1",
      paramLabel = "FILE",
      description = "The file, replaced if it is a report; - for standard output.")
  private @Nullable String file;

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();
  @Mixin private VerifyOptions verifying = new VerifyOptions();

  @Option(
      names = "--no-plan",
      description = "Do not try pending migrations in a scratch database to see what they lock.")
  private boolean withoutPlan;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    String name =
        Optional.ofNullable(file)
            .orElseThrow(
                () -> Failures.usage("no file is named").next("learnflow-db report report.html"));
    boolean toFile = !name.equals(STANDARD_OUTPUT);
    if (!toFile && output().isJson()) {
      throw Failures.usage("--output json cannot be used for a report on standard output")
          .next("name a file, or use --output text");
    }
    Optional<ReportFile> target =
        toFile ? Optional.of(ReportFile.at(Path.of(name))) : Optional.empty();
    MigrationFiles migrations = files.migrations();
    StatusReading reading = new StatusReading(database, cluster(), migrations, progress);
    Optional<StatusReading.OfRelease> release = database.release(cluster()).map(reading::read);
    Report report =
        release
            .filter(found -> found.status().status() == null)
            .map(found -> Report.unreached(Instant.now(), Version.number(), found.status()))
            .orElseGet(() ->
                reached(
                    release.map(StatusReading.OfRelease::status).orElse(null), reading, progress));
    String page = Printable.text(ReportPage.of(report));
    target.ifPresent(found -> found.write(page));
    print(toFile ? "report written to " + name : page.stripTrailing(), Map.of("report", name));
    return release.map(StatusReading.OfRelease::code).orElse(ExitCode.OK);
  }

  private Report reached(
      @Nullable ReleaseStatus release, StatusReading reading, ConsoleProgress progress) {
    MigrationFiles migrations = reading.migrations();
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      DatabaseStatus status =
          Optional.ofNullable(release)
              .map(ReleaseStatus::status)
              .orElseGet(() -> reading.read(session, access));
      return new Report(
          Instant.now(),
          Version.number(),
          release,
          status,
          Answer.to(() ->
              new Checks(database, cluster(), this::pasteable)
                  .verification(
                      migrations,
                      (Optional<Release> found) -> seeds.sets(files, found),
                      verifying,
                      Optional.empty(),
                      progress)),
          plan(session, status.pending(), migrations, access, progress),
          Answer.to(() -> session.run("report", connection -> Runs.last(connection, RUNS))),
          access.target().names().services(),
          Answer.to(() -> session.run("report", DatabaseTables::read)));
    }
  }

  /** Creates nothing if nothing is pending. */
  private Answer<MigrationPlan> plan(
      Session session,
      List<String> pending,
      MigrationFiles migrations,
      DatabaseAccess access,
      ConsoleProgress progress) {
    if (pending.isEmpty()) {
      return Answer.missing("nothing is pending");
    }
    if (withoutPlan) {
      return Answer.missing("the report was made with --no-plan");
    }
    return Answer.to(() ->
        session.run(
            "plan",
            connection ->
                new Planner(migrations, progress)
                    .plan(connection, owner -> ScratchDatabase.create(owner, access, progress))));
  }
}
