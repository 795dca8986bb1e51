package check;

import static check.Promise.require;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import lib.Programs;
import lib.Programs.Result;

/**
 * The image that is like Docker's official one, by its own entrypoint, and by the start script of
 * the chart as the StatefulSet of Bitnami's chart runs it; on the volume of the Bitnami-like image
 * too, and back.
 */
public final class StartScriptCheck {
  private static final Path SCRIPT = Path.of("charts/learnflow-db/files/start.sh");

  private final Image official;
  private final Image bitnami;

  public StartScriptCheck(Image official, Image bitnami) {
    this.official = official;
    this.bitnami = bitnami;
  }

  public List<Promise> promises() {
    return List.of(
        new Promise("postgresql: its entrypoint wants a password", this::noPassword),
        new Promise("postgresql: its entrypoint makes user and database", this::entrypoint),
        new Promise("postgresql: the chart's script starts it as user 1001", this::script),
        new Promise(
            "postgresql: the chart's script takes over the Bitnami-like image's volume, and that"
                + " image takes it back",
            this::takesOver));
  }

  private void noPassword() throws IOException, InterruptedException {
    try (var container = start(official, folder(), Map.of(), List.of("postgres"))) {
      container.await(() -> !container.isRunning());
      require(container.log().contains("superuser password is not specified"), container.log());
    }
  }

  private void entrypoint() throws IOException, InterruptedException {
    var environment =
        Map.of("POSTGRES_PASSWORD", "admin", "POSTGRES_USER", "boss", "POSTGRES_DB", "learnflow");
    try (var container = start(official, folder(), environment, List.of("postgres"))) {
      container.await(() -> ready(container));
      var asked =
          sql(
              container,
              "boss",
              "learnflow",
              "SELECT datcollate FROM pg_database WHERE datname = current_database()");
      require(asked.output().equals("en_US.utf8"), asked);
    }
  }

  private void script() throws IOException, InterruptedException {
    try (var container = byScript(folder())) {
      var asked = sql(container, "postgres", "postgres", "SHOW server_encoding");
      require(asked.output().equals("UTF8"), asked);
      var owner = sql(container, "learnflow_owner", "learnflow", "CREATE TABLE mine (); SELECT 1");
      require(owner.output().equals("1"), owner);
      container.stop("INT");
      require(container.log().contains("database system is shut down"), container.log());
    }
  }

  private void takesOver() throws IOException, InterruptedException {
    var folder = folder();
    try (var container = byItself(folder)) {
      sql(container, "postgres", "postgres", "CREATE TABLE kept AS SELECT 42 AS answer");
      container.stop("TERM");
    }
    // What a pod's fsGroup does to the volume each time.
    Programs.run("chmod", "-R", "g+rwX", folder.resolve("data").toString());
    try (var container = byScript(folder)) {
      var asked = sql(container, "postgres", "postgres", "UPDATE kept SET answer = 43 RETURNING 1");
      require(asked.exit() == 0, asked);
      container.stop("INT");
    }
    try (var container = byItself(folder)) {
      var asked = sql(container, "postgres", "postgres", "SELECT answer FROM kept");
      require(asked.output().equals("43"), asked);
    }
  }

  private Container byItself(Path folder) throws IOException, InterruptedException {
    var environment =
        Map.of(
            "POSTGRES_USER", "learnflow_owner",
            "POSTGRES_PASSWORD", "owner",
            "POSTGRES_DATABASE", "learnflow",
            "POSTGRES_POSTGRES_PASSWORD", "admin");
    var container = start(bitnami, folder, environment, List.of());
    container.await(() -> ready(container));
    return container;
  }

  private Container byScript(Path folder) throws IOException, InterruptedException {
    var environment =
        Map.of(
            "PGDATA", "/bitnami/postgresql/data",
            "POSTGRESQL_VOLUME_DIR", "/bitnami/postgresql",
            "POSTGRES_POSTGRES_PASSWORD_FILE", "/start/password",
            "POSTGRES_USER", "learnflow_owner",
            "POSTGRES_PASSWORD_FILE", "/start/password",
            "POSTGRES_DATABASE", "learnflow");
    var without =
        new Image(official.folder(), official.rootfs(), List.of(), official.environment());
    var container =
        start(
            without,
            folder,
            environment,
            List.of("sh", "-c", "exec sh /start/start.sh \"$@\"", "checksum"));
    container.await(() -> ready(container));
    return container;
  }

  private Path folder() throws IOException, InterruptedException {
    var folder = Files.createTempDirectory(official.folder(), "start");
    var start = Files.createDirectory(folder.resolve("start"));
    Files.copy(SCRIPT, start.resolve("start.sh"));
    Files.writeString(start.resolve("password"), "admin\n");
    Files.writeString(start.resolve("pg_hba.conf"), "host all all all scram-sha-256\n");
    Files.writeString(
        start.resolve("postgresql.conf"),
        """
        listen_addresses = '*'
        unix_socket_directories = '/tmp, /var/run/postgresql'
        include_dir = 'conf.d'
        """);
    Files.writeString(folder.resolve("passwd"), "postgres:x:1001:1001:PostgreSQL:/:/bin/sh\n");
    for (var name : List.of("data", "official")) {
      var data = Files.createDirectory(folder.resolve(name));
      Programs.run("chown", "0:1001", data.toString());
      Programs.run("chmod", "2775", data.toString());
    }
    Programs.run("chown", "1001:1001", folder.resolve("official").toString());
    // runc gives a tmpfs the rights of the folder below it, which the image does not have.
    for (var name : List.of("conf", "run")) {
      Programs.run("chmod", "1777", Files.createDirectory(folder.resolve(name)).toString());
    }
    Programs.run("chmod", "-R", "a+rX", folder.toString());
    return folder;
  }

  private static Container start(
      Image image, Path folder, Map<String, String> environment, List<String> command)
      throws IOException {
    var mounts =
        new HashMap<>(
            Map.of(
                "/tmp", "",
                "/var/run/postgresql", folder.resolve("run").toString(),
                "/opt/bitnami/postgresql/conf", folder.resolve("conf").toString(),
                "/opt/bitnami/postgresql/tmp", folder.resolve("conf").toString(),
                "/start", folder.resolve("start").toString(),
                "/etc/passwd", folder.resolve("passwd").toString(),
                "/bitnami/postgresql", folder.resolve("data").toString(),
                "/var/lib/postgresql/data", folder.resolve("official").toString()));
    return Container.start(image, environment, mounts, command.toArray(String[]::new));
  }

  private static boolean ready(Container container) throws IOException, InterruptedException {
    return container.exec(Map.of(), "/bin/sh", "-c", "exec pg_isready -h 127.0.0.1").exit() == 0;
  }

  private static Result sql(Container container, String user, String database, String statement)
      throws IOException, InterruptedException {
    return container.exec(
        Map.of("PGPASSWORD", "admin"),
        "psql",
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--quiet",
        "--host=127.0.0.1",
        "--username=" + user,
        "--dbname=" + database,
        "--command=" + statement);
  }
}
