package org.learnflow.db.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.Session;
import org.learnflow.db.drift.CatalogDifference;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.ReleaseState;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedLedger;
import org.learnflow.db.verify.LastBackup;
import org.learnflow.db.verify.Space;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** One screen about the database. */
@Command(
    name = "status",
    description =
        "Shows server, schema version, pending migrations, seeds; for a release also its pod,"
            + " volume and published objects.")
final class StatusCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  /**
   * What status shows.
   *
   * @param database address without password
   * @param serverVersion of PostgreSQL
   * @param sizeBytes of the whole database on disk
   * @param connections open now, and how many the server allows
   * @param schemaVersion newest applied migration, or "none"
   * @param applied number of applied migrations
   * @param pending names of files that are not applied yet
   * @param differences between history and files
   * @param drift what was changed outside migrations
   * @param seeds loaded sets with the mode they were loaded in
   * @param lastBackup the newest one that is recorded, if there is any
   * @param problem what is wrong with the server, else empty
   */
  record Status(
      String database,
      String serverVersion,
      long sizeBytes,
      String connections,
      String schemaVersion,
      int applied,
      List<String> pending,
      List<String> differences,
      DriftStatus drift,
      Map<String, String> seeds,
      @Nullable LastBackup lastBackup,
      String problem) {}

  /**
   * Drift in short.
   *
   * @param recorded whether it is known what to expect
   * @param objects such as {@code added index public.x}
   * @param unknown why it could not be looked for, else empty
   */
  record DriftStatus(boolean recorded, List<String> objects, String unknown) {}

  /**
   * What status shows of a release.
   *
   * @param pods the database's; none for an external one
   * @param storage data volumes
   * @param published objects as they are found, of those that should be there
   * @param problem why {@code status} is missing, or what else is wrong with the release, else
   *     empty
   * @param status of the database
   */
  record ReleaseStatus(
      Map<String, String> release,
      List<ReleaseState.Pod> pods,
      List<ReleaseState.Storage> storage,
      List<KubernetesTarget.Found> published,
      String problem,
      @Nullable Status status) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    Optional<Release> release = database.release(cluster());
    if (release.isPresent()) {
      return execute(release.get(), migrations, progress);
    }
    DatabaseOptions.Target target = database.target(cluster(), false, progress);
    Steps steps = new Steps(target, database.connector(), database.timeout(), progress);
    try (Session session = steps.ownerSession()) {
      Status status = read(session, migrations, target.owner().toString());
      print(text(status), status);
      return ExitCode.OK;
    }
  }

  /** Shows what can be seen, also where the database cannot be reached; does not wait for it. */
  private ExitCode execute(Release release, MigrationFiles migrations, ConsoleProgress progress) {
    ReleaseState state = new ReleaseState(cluster().api(), release);
    Map<String, String> about = new LinkedHashMap<>();
    about.put("name", release.name());
    about.put("namespace", release.namespace());
    about.put("chart", release.chart());
    about.put("migratorImage", release.migratorImage());
    List<ReleaseState.Pod> pods = state.pod().stream().toList();
    List<ReleaseState.Storage> storage = state.storage();
    ReleaseStatus status;
    ExitCode code = ExitCode.OK;
    try {
      DatabaseOptions.Target target = database.target(cluster(), false, progress);
      target
          .hosting()
          .obstacle()
          .ifPresent(obstacle -> {
            throw Failure.of(ExitCode.NOT_REACHED, obstacle.what()).next(obstacle.next());
          });
      Steps steps = new Steps(target, database.connector(), database.timeout(), progress);
      try (Session session = steps.ownerSession()) {
        Status read = read(session, migrations, target.owner().toString());
        List<KubernetesTarget.Found> published =
            new KubernetesTarget(cluster().api(), release.name(), release.publishNamespaces())
                .compare(PublishOptions.connection(target), read.schemaVersion());
        String problem = CredentialsSecret.interruption(cluster().api(), release).orElse("");
        status = new ReleaseStatus(about, pods, storage, published, problem, read);
      }
    } catch (Failure failure) {
      if (failure.code() == ExitCode.USAGE) {
        throw failure;
      }
      code = failure.code();
      failure.next().ifPresent(next -> progress.line("next", next));
      status = new ReleaseStatus(about, pods, storage, List.of(), failure.what(), null);
    }
    print(text(status, release), status);
    return code;
  }

  private static String text(ReleaseStatus status, Release release) {
    String pods =
        status.pods().stream()
            .map(pod ->
                "%s %s, %s, %d restarts, %s"
                    .formatted(
                        pod.name(),
                        pod.phase(),
                        pod.ready() ? "ready" : "not ready",
                        pod.restarts(),
                        pod.image()))
            .collect(Collectors.joining("\n             "));
    String storage =
        status.storage().stream()
            .map(claim ->
                "%s %s, %s, %s"
                    .formatted(
                        claim.claim(),
                        claim.phase(),
                        claim.size(),
                        claim.storageClass().isEmpty()
                            ? "no StorageClass"
                            : "StorageClass " + claim.storageClass()))
            .collect(Collectors.joining("\n             "));
    Optional<Status> database = Optional.ofNullable(status.status());
    return """
    Release:     %s in namespace %s, %s
    Pod:         %s
    Storage:     %s
    %s
    """
            .formatted(
                release.name(),
                release.namespace(),
                release.chart(),
                pods.isEmpty()
                    ? release.statefulSet().map(_ -> "none").orElse("none, external database")
                    : pods,
                storage.isEmpty() ? "no volume" : storage,
                database.map(StatusCommand::text).orElse("Problem:     " + status.problem()))
            .stripTrailing()
        + (database.isPresent() ? "\nPublished:   " + published(status.published()) : "")
        + (database.isPresent() && !status.problem().isEmpty()
            ? "\nProblem:     " + status.problem()
            : "");
  }

  /** A line for each namespace: there, or what is not as it should be. */
  private static String published(List<KubernetesTarget.Found> published) {
    Map<String, List<String>> wrong = new LinkedHashMap<>();
    published.forEach(found -> {
      List<String> inNamespace = wrong.computeIfAbsent(found.namespace(), _ -> new ArrayList<>());
      if (!found.matches()) {
        inNamespace.add("%s %s".formatted(found.object(), found.state()));
      }
    });
    return listed(
        wrong.entrySet().stream()
            .map(entry ->
                entry.getKey()
                    + ": "
                    + (entry.getValue().isEmpty() ? "there" : String.join(", ", entry.getValue())))
            .toList());
  }

  private Status read(Session session, MigrationFiles migrations, String address) {
    return new TimeLimit(database.timeout())
        .run(() -> session.run("status", connection -> read(connection, migrations, address)));
  }

  private static Status read(Connection connection, MigrationFiles migrations, String address)
      throws SQLException {
    SchemaState state = SchemaState.read(connection, migrations);
    Map<String, String> seeds = new LinkedHashMap<>();
    SeedLedger.read(connection)
        .forEach(
            (set, entry) -> seeds.put(set, entry.mode().name().toLowerCase(java.util.Locale.ROOT)));
    DriftStatus drift = drift(connection);
    Optional<LastBackup> backup = LastBackup.read(connection);
    try (var statement = connection.createStatement();
        var row =
            statement.executeQuery(
                """
                SELECT pg_database_size(current_database()),
                       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())
                       || ' of ' || current_setting('max_connections')
                """)) {
      row.next();
      return new Status(
          address,
          connection.getMetaData().getDatabaseProductVersion(),
          row.getLong(1),
          row.getString(2),
          state.currentText(),
          state.applied().size(),
          state.pending().stream().map(MigrationFile::name).toList(),
          state.differences().stream().map(SchemaState.Difference::what).toList(),
          drift,
          seeds,
          backup.orElse(null),
          Space.problem(connection).orElse(""));
    }
  }

  private static DriftStatus drift(Connection connection) throws SQLException {
    try {
      return CatalogLedger.drift(connection)
          .map(drift ->
              new DriftStatus(
                  true, drift.objects().stream().map(CatalogDifference::summary).toList(), ""))
          .orElseGet(() -> new DriftStatus(false, List.of(), ""));
    } catch (SQLException e) {
      if (!SqlStates.lockProblem(e)) {
        throw e;
      }
      return new DriftStatus(
          true, List.of(), "not known, since another session holds a lock on a table");
    }
  }

  private static String text(Status status) {
    String text =
        """
        Database:    %s
        Server:      PostgreSQL %s, %.1f MiB, %s connections
        Schema:      %s (%d applied)
        Pending:     %s
        Differences: %s
        Drift:       %s
        Seeds:       %s
        Backup:      %s\
        """
            .formatted(
                status.database(),
                status.serverVersion(),
                status.sizeBytes() / 1048576.0,
                status.connections(),
                status.schemaVersion(),
                status.applied(),
                listed(status.pending()),
                listed(status.differences()),
                !status.drift().unknown().isEmpty()
                    ? status.drift().unknown()
                    : status.drift().recorded()
                        ? listed(status.drift().objects())
                        : "nothing recorded yet; the next learnflow-db migrate does it",
                status.seeds().isEmpty()
                    ? "none"
                    : status.seeds().entrySet().stream()
                        .map(entry -> "%s (%s)".formatted(entry.getKey(), entry.getValue()))
                        .collect(Collectors.joining(", ")),
                Optional.ofNullable(status.lastBackup()).map(LastBackup::text).orElse("none"));
    return status.problem().isEmpty() ? text : text + "\nProblem:     " + status.problem();
  }

  private static String listed(List<String> items) {
    return items.isEmpty() ? "none" : String.join("\n             ", items);
  }
}
