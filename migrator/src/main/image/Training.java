import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.EmbeddedServer;

/**
 * Trains an AOT cache: runs the whole pipeline once, as the Job in the cluster does, against an
 * embedded PostgreSQL and an answering Kubernetes API. Roles are made before, so that the run that
 * is recorded finds them, as all runs but the first do. The cache fits only the runtime and the jar
 * files that it was trained with.
 */
final class Training {
  private Training() {}

  /**
   * Leaves {@code learnflow-db.aot} in {@code home}.
   *
   * @param home directory of jre, lib, jvm.options, migrations and seeds
   * @param work directory for the database
   */
  static void train(Path home, Path work)
      throws IOException, InterruptedException, GeneralSecurityException {
    Path cache = home.resolve("learnflow-db.aot");
    EmbeddedServer server = EmbeddedServer.in(work.resolve("postgresql"));
    try (TrainingKubernetesApi kubernetes = new TrainingKubernetesApi(work)) {
      int port = server.start(List.of("learnflow_owner", "learnflow_user"), Progress.SILENT);
      Map<String, String> environment = environment(port, server, kubernetes);
      run(home, environment, "-XX:AOTMode=off", "roles");
      run(home, environment, "-XX:AOTCacheOutput=" + cache, "run", "-v");
      kubernetes.checkPublished();
    } finally {
      server.stop("immediate");
    }
  }

  private static void run(
      Path home, Map<String, String> environment, String option, String... arguments)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                option,
                "@" + home.resolve("jvm.options"),
                "-cp",
                home.resolve("lib/learnflow-db.jar").toString(),
                "org.learnflow.db.cli.Main"));
    command.addAll(List.of(arguments));
    Programs.run(
        environment, home.resolve("jre/bin/java").toString(), command.toArray(String[]::new));
  }

  private static Map<String, String> environment(
      int port, EmbeddedServer server, TrainingKubernetesApi kubernetes) {
    Map<String, String> environment = new HashMap<>(kubernetes.environment());
    environment.put(
        "LEARNFLOW_DB_DATABASE", "postgresql://learnflow_owner@127.0.0.1:" + port + "/learnflow");
    environment.put("LEARNFLOW_DB_PASSWORD_FILE", passwordFile(server, "learnflow_owner"));
    environment.put("LEARNFLOW_DB_ADMIN_USER", EmbeddedServer.ADMIN);
    environment.put("LEARNFLOW_DB_ADMIN_PASSWORD_FILE", passwordFile(server, EmbeddedServer.ADMIN));
    environment.put("LEARNFLOW_DB_APP_PASSWORD_FILE", passwordFile(server, "learnflow_user"));
    environment.put("LEARNFLOW_DB_SEEDS", "reference,sample");
    environment.put("LEARNFLOW_DB_PUBLISH_TO", "kubernetes");
    environment.put("LEARNFLOW_DB_RELEASE", "learnflow-db");
    environment.put("LEARNFLOW_DB_STATEFUL_SET", TrainingKubernetesApi.STATEFUL_SET);
    return environment;
  }

  private static String passwordFile(EmbeddedServer server, String role) {
    return server.passwords().file(role).toString();
  }
}
