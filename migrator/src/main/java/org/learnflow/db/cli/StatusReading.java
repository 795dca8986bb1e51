package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.ReleaseState;
import org.learnflow.db.publish.PublishedConnection;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.verify.DatabaseStatus;
import org.learnflow.db.verify.ReleaseStatus;
import org.learnflow.db.verify.Replica;

/** The state that {@link StatusCommand} prints, and {@link ReportCommand} writes down. */
record StatusReading(
    DatabaseOptions database,
    ClusterOptions cluster,
    MigrationFiles migrations,
    ConsoleProgress progress) {
  /**
   * The state of a release.
   *
   * @param code how a command that shows it ends
   */
  record OfRelease(ReleaseStatus status, ExitCode code) {}

  /** Reads what it can, even if the database cannot be reached; does not wait for it. */
  OfRelease read(Release release) {
    ReleaseState state = new ReleaseState(cluster.api(), release);
    Map<String, String> about = new LinkedHashMap<>();
    about.put("name", release.name());
    about.put("namespace", release.namespace());
    about.put("chart", release.chart());
    about.put("migratorImage", release.migratorImage());
    List<ReleaseState.Pod> pods = state.pods();
    List<ReleaseState.Storage> storage = state.storage();
    List<Replica> replicas = List.of();
    ReleaseStatus status;
    ExitCode code = ExitCode.OK;
    try {
      DatabaseAccess access = database.access(cluster, false, progress);
      access
          .target()
          .hosting()
          .obstacle()
          .ifPresent(obstacle -> {
            throw Failure.of(ExitCode.NOT_REACHED, obstacle.what()).next(obstacle.next());
          });
      replicas = state.cluster().isPresent() ? replicas(access) : replicas;
      try (Session session = access.ownerSession()) {
        DatabaseStatus read = read(session, access);
        List<KubernetesTarget.Found> published =
            new KubernetesTarget(cluster.api(), release.name(), release.publishNamespaces())
                .compare(
                    release.publishes() ? PublishedConnection.all(access.target()) : List.of(),
                    read.schemaVersion());
        String problem = CredentialsSecret.interruption(cluster.api(), release).orElse("");
        status =
            new ReleaseStatus(
                about, pods, cluster(state, replicas), storage, published, problem, read);
      }
    } catch (Failure failure) {
      if (failure.code() == ExitCode.USAGE) {
        throw failure;
      }
      code = failure.code();
      failure.next().ifPresent(next -> progress.line("next", next));
      status =
          new ReleaseStatus(
              about, pods, cluster(state, replicas), storage, List.of(), failure.what(), null);
    }
    return new OfRelease(status, code);
  }

  private static List<Replica> replicas(DatabaseAccess access) {
    return access
        .admin()
        .map(admin -> {
          try (Session session = admin.maintenance()) {
            return session.run("status", Replica::read);
          }
        })
        .orElse(List.of());
  }

  private static ReleaseStatus.@Nullable Cluster cluster(
      ReleaseState state, List<Replica> replicas) {
    return state
        .cluster()
        .map(cluster ->
            new ReleaseStatus.Cluster(
                cluster.name(),
                cluster.state(),
                cluster.instances(),
                cluster.ready(),
                cluster.primary(),
                cluster.archiving(),
                state.lastClusterBackup().orElse(""),
                replicas))
        .orElse(null);
  }

  /** Reads that of a database alone. */
  DatabaseStatus read(Session session, DatabaseAccess access) {
    return new TimeLimit(database.timeout())
        .run(() ->
            session.run(
                "status", connection -> DatabaseStatus.read(connection, migrations, access)));
  }
}
