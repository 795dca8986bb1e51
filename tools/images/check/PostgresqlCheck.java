package check;

import static check.Promise.require;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import lib.Programs;
import lib.Programs.Result;

/**
 * PostgreSQL as the StatefulSet of Bitnami's chart runs it: the same variables, mounts and probe.
 */
public final class PostgresqlCheck {
  private static final String OWNER = "learnflow_owner";
  private static final String PASSWORD = "it's \"$quoted\\ and long";

  private final Image image;

  public PostgresqlCheck(Image image) {
    this.image = image;
  }

  public List<Promise> promises() {
    return List.of(
        new Promise(
            "postgresql: first boot makes role, database and rights, then opens the port",
            this::firstBoot),
        new Promise(
            "postgresql: every connection needs the password, local ones too", this::passwords),
        new Promise(
            "postgresql: old volume and new password: authentication fails",
            this::oldVolumeNewPassword),
        new Promise(
            "postgresql: SIGTERM shuts it down cleanly in 2 s with sessions open", this::stops),
        new Promise("postgresql: SIGTERM in the first boot ends it in 2 s", this::stopsInFirstBoot),
        new Promise(
            "postgresql: a first boot killed five times begins again", this::killedInFirstBoot),
        new Promise("postgresql: killed later, it recovers", this::killedLater),
        new Promise("postgresql: an orphan that dies of a signal does it no harm", this::orphans),
        new Promise(
            "postgresql: settings of the chart's values arrive, extendedConfiguration wins",
            this::settings),
        new Promise(
            "postgresql: configuration and pgHbaConfiguration replace ours",
            this::ownConfiguration),
        new Promise("postgresql: initdb scripts run once", this::scripts),
        new Promise("postgresql: pg_dump and pg_restore work", this::backup),
        new Promise("postgresql: TLS with the chart's certificate files", this::tls),
        new Promise("postgresql: a password file that cannot be read is named", this::noPassword),
        new Promise("postgresql: no password in its log or its files", this::noPasswordLeft));
  }

  private void firstBoot() throws IOException, InterruptedException {
    try (var container = start(volume(PASSWORD), Map.of())) {
      // The kubelet's probe. When it first succeeds, everything must be there.
      container.await(() -> probe(container) == 0);
      require(sql(container, OWNER, PASSWORD, "SELECT 1").output().equals("1"), container.log());
      equal(
          sql(
                  container,
                  OWNER,
                  PASSWORD,
                  """
                  SELECT rolcanlogin, rolcreatedb, rolcreaterole, rolsuper,
                    (SELECT datdba::regrole FROM pg_database WHERE datname = current_database()),
                    (SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'public'),
                    current_setting('server_encoding'),
                    (SELECT datcollate FROM pg_database WHERE datname = current_database())
                  FROM pg_roles WHERE rolname = current_user\
                  """)
              .output(),
          "t|t|f|f|learnflow_owner|learnflow_owner|UTF8|en_US.UTF-8");
      equal(
          sql(
                  container,
                  "postgres",
                  "admin",
                  "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
              .output(),
          "t");
      require(
          container.exec(Map.of(), "touch", "/new").exit() != 0,
          "the root file system is writable");
      require(
          container.exec(Map.of(), "test", "-f", "/opt/bitnami/postgresql/tmp/.initialized").exit()
              == 0,
          "no .initialized");
    }
  }

  private void passwords() throws IOException, InterruptedException {
    try (var container = ready(volume(PASSWORD), Map.of())) {
      for (var host : List.of("127.0.0.1", "::1", "/tmp")) {
        var wrong = sql(container, host, OWNER, "wrong", "SELECT 1");
        require(wrong.output().contains("password authentication failed"), host + ": " + wrong);
        equal(sql(container, host, OWNER, PASSWORD, "SELECT 1").output(), "1");
      }
    }
  }

  private void oldVolumeNewPassword() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    try (var container = ready(volume, Map.of())) {
      container.stop("TERM");
    }
    Files.writeString(volume.resolve("secrets/password"), "new");
    // What a pod's fsGroup does to the volume each time.
    Programs.run("chmod", "-R", "g+rwX", volume.resolve("data").toString());
    try (var container = ready(volume, Map.of())) {
      var refused = sql(container, OWNER, "new", "SELECT 1");
      require(refused.output().contains("password authentication failed"), refused);
      equal(sql(container, OWNER, PASSWORD, "SELECT 1").output(), "1");
    }
  }

  private void stops() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    try (var container = ready(volume, Map.of())) {
      var sessions =
          List.of(
              session(container, "SELECT pg_sleep(60)"),
              session(container, "BEGIN; SELECT pg_sleep(60)"));
      var asleep =
          "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'sleep' AND pid <> pg_backend_pid()";
      container.await(() -> sql(container, "postgres", "admin", asleep).output().equals("2"));
      var time = container.stop("TERM");
      require(time.toMillis() < 2000, "it took " + time);
      equal(container.waitFor(Container.LIMIT), 0);
      for (var session : sessions) {
        session.join();
      }
    }
    try (var container = ready(volume, Map.of())) {
      require(!container.log().contains("not properly shut down"), container.log());
    }
  }

  private void stopsInFirstBoot() throws IOException, InterruptedException {
    try (var container = start(volume(PASSWORD), Map.of())) {
      Thread.sleep(700);
      var time = container.stop("TERM");
      require(time.toMillis() < 2000, "it took " + time);
      equal(container.waitFor(Container.LIMIT), 143);
    }
  }

  private void killedInFirstBoot() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    var unfinished = volume.resolve("data/data.unfinished");
    for (var stage :
        List.of("", "PG_VERSION", "global/pg_control", "postmaster.pid", "base/16384")) {
      var started = Instant.now();
      try (var container = start(volume, Map.of())) {
        while (!isSince(started, unfinished.resolve(stage))) {
          require(container.isRunning(), container.log());
          require(
              !Files.exists(volume.resolve("data/data")),
              "the first boot was over before " + stage);
        }
        container.stop("KILL");
      }
    }
    try (var container = ready(volume, Map.of())) {
      equal(
          sql(
                  container,
                  OWNER,
                  PASSWORD,
                  "SELECT count(*) FROM pg_roles WHERE rolname = 'learnflow_owner'")
              .output(),
          "1");
    }
  }

  /** Whether a file was made anew, and is not what an earlier boot left behind. */
  private static boolean isSince(Instant time, Path file) throws IOException {
    try {
      return Files.getLastModifiedTime(file).toInstant().isAfter(time);
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private void killedLater() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    try (var container = ready(volume, Map.of())) {
      equal(sql(container, OWNER, PASSWORD, "CREATE TABLE kept AS SELECT 7 AS n").exit(), 0);
      container.stop("KILL");
    }
    try (var container = ready(volume, Map.of())) {
      equal(sql(container, OWNER, PASSWORD, "SELECT n FROM kept").output(), "7");
    }
  }

  private void orphans() throws IOException, InterruptedException {
    try (var container = ready(volume(PASSWORD), Map.of())) {
      container.exec(Map.of(), "sh", "-c", "sh -c 'sleep 0.2; kill -SEGV $$' >/dev/null 2>&1 &");
      Thread.sleep(1000);
      var zombies =
          container.exec(
              Map.of(),
              "sh",
              "-c",
              "cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/.*) Z .*/zombie/p'");
      equal(zombies.output(), "");
      require(!container.log().contains("terminated by signal"), container.log());
      equal(sql(container, OWNER, PASSWORD, "SELECT 1").output(), "1");
    }
  }

  private void settings() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    Files.writeString(
        Files.createDirectories(volume.resolve("conf.d")).resolve("override.conf"),
        "max_connections = 37\nshared_buffers = 24MB\nlog_connections = on\n");
    try (var container =
        ready(
            volume,
            Map.of(
                "POSTGRESQL_LOG_TIMEZONE",
                "Europe/Berlin",
                "POSTGRESQL_MAX_CONNECTIONS",
                "55",
                "POSTGRESQL_LOG_LINE_PREFIX",
                "it's %p "),
            Map.of("/bitnami/postgresql/conf/conf.d", volume.resolve("conf.d").toString()))) {
      equal(
          sql(
                  container,
                  "postgres",
                  "admin",
                  """
                  SELECT current_setting('max_connections'), current_setting('shared_buffers'),
                    current_setting('log_connections'), current_setting('client_min_messages'),
                    current_setting('shared_preload_libraries'), current_setting('pgaudit.log_catalog'),
                    current_setting('log_timezone'), current_setting('log_line_prefix'), current_setting('port')\
                  """)
              .output(),
          "37|24MB|on|error|pgaudit|off|Europe/Berlin|it's %p |5432");
    }
  }

  private void ownConfiguration() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    var conf = Files.createDirectories(volume.resolve("conf"));
    Files.writeString(
        conf.resolve("postgresql.conf"), "listen_addresses = '*'\nmax_connections = 41");
    Files.writeString(conf.resolve("pg_hba.conf"), "host all all 127.0.0.1/32 scram-sha-256\n");
    try (var container =
        ready(volume, Map.of(), Map.of("/bitnami/postgresql/conf", conf.toString()))) {
      equal(sql(container, OWNER, PASSWORD, "SHOW max_connections").output(), "41");
      var local = sql(container, "/tmp", OWNER, PASSWORD, "SELECT 1");
      require(local.output().contains("no pg_hba.conf entry"), local);
    }
  }

  private void scripts() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    var scripts = Files.createDirectories(volume.resolve("scripts"));
    Files.writeString(scripts.resolve("1.sql"), "CREATE TABLE from_script (n int);");
    Files.writeString(
        scripts.resolve("2.sh"),
        "psql -U postgres -d learnflow -c 'INSERT INTO from_script VALUES (1)'");
    for (int boot = 1; boot <= 2; boot++) {
      try (var container =
          ready(volume, Map.of(), Map.of("/docker-entrypoint-initdb.d", scripts.toString()))) {
        equal(sql(container, OWNER, PASSWORD, "SELECT count(*) FROM from_script").output(), "1");
        container.stop("TERM");
      }
    }
  }

  private void backup() throws IOException, InterruptedException {
    try (var container = ready(volume(PASSWORD), Map.of())) {
      equal(sql(container, OWNER, PASSWORD, "CREATE TABLE saved AS SELECT 1 AS n").exit(), 0);
      var done =
          container.exec(
              Map.of("PGPASSWORD", PASSWORD, "PGUSER", OWNER),
              "sh",
              "-ec",
              "pg_dump -Fc -f /tmp/dump learnflow; createdb copy; pg_restore -d copy /tmp/dump;"
                  + " psql -d copy -Atc 'SELECT n FROM saved'");
      equal(done, new Result(0, "1", ""));
    }
  }

  private void tls() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    var certs = Files.createDirectories(volume.resolve("certs"));
    Programs.run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-keyout",
        certs.resolve("tls.key").toString(),
        "-out",
        certs.resolve("tls.crt").toString());
    Programs.run("chown", "1001:1001", certs.resolve("tls.key").toString());
    try (var container =
        ready(
            volume,
            Map.of(
                "POSTGRESQL_ENABLE_TLS", "yes",
                "POSTGRESQL_TLS_PREFER_SERVER_CIPHERS", "yes",
                "POSTGRESQL_TLS_CERT_FILE", "/opt/bitnami/postgresql/certs/tls.crt",
                "POSTGRESQL_TLS_KEY_FILE", "/opt/bitnami/postgresql/certs/tls.key"),
            Map.of("/opt/bitnami/postgresql/certs", certs.toString()))) {
      equal(
          sql(
                  container,
                  OWNER,
                  PASSWORD,
                  "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
              .output(),
          "t");
    }
  }

  private void noPassword() throws IOException, InterruptedException {
    var volume = volume(PASSWORD);
    Files.delete(volume.resolve("secrets/password"));
    try (var container = start(volume, Map.of())) {
      equal(container.waitFor(Container.LIMIT), 1);
      require(
          container
              .log()
              .contains("POSTGRES_PASSWORD_FILE names /opt/bitnami/postgresql/secrets/password"),
          container.log());
    }
  }

  private void noPasswordLeft() throws IOException, InterruptedException {
    var volume = volume("very-secret");
    try (var container = ready(volume, Map.of("POSTGRESQL_LOG_CONNECTIONS", "on"))) {
      require(!container.log().contains("very-secret"), container.log());
      var environment =
          container.exec(
              Map.of(),
              "sh",
              "-c",
              "cat /proc/[0-9]*/cmdline; cat /opt/bitnami/postgresql/conf/*.conf");
      require(!environment.output().contains("very-secret"), environment);
      container.stop("TERM");
    }
    var found =
        Programs.run(
            "sh", "-c", "grep -rl very-secret '%s' || true".formatted(volume.resolve("data")));
    equal(found, "");
  }

  /** A folder with the volume, owned as fsGroup makes it, and the Secret. */
  private Path volume(String password) throws IOException, InterruptedException {
    var folder = Files.createTempDirectory(image.folder(), "pod");
    var secrets = Files.createDirectory(folder.resolve("secrets"));
    Files.writeString(secrets.resolve("password"), password + "\n");
    Files.writeString(secrets.resolve("postgres-password"), "admin");
    var data = Files.createDirectory(folder.resolve("data"));
    Programs.run("chown", "0:1001", data.toString());
    Programs.run("chmod", "2775", data.toString());
    Programs.run("chmod", "-R", "a+rX", folder.toString());
    return folder;
  }

  private Container start(Path folder, Map<String, String> environment) throws IOException {
    return start(folder, environment, Map.of());
  }

  private Container start(Path folder, Map<String, String> environment, Map<String, String> more)
      throws IOException {
    var variables =
        new HashMap<>(
            Map.of(
                "BITNAMI_DEBUG", "false",
                "POSTGRESQL_PORT_NUMBER", "5432",
                "POSTGRESQL_VOLUME_DIR", "/bitnami/postgresql",
                "POSTGRES_USER", OWNER,
                "POSTGRES_PASSWORD_FILE", "/opt/bitnami/postgresql/secrets/password",
                "POSTGRES_POSTGRES_PASSWORD_FILE",
                    "/opt/bitnami/postgresql/secrets/postgres-password",
                "POSTGRES_DATABASE", "learnflow"));
    variables.putAll(
        Map.of(
            "POSTGRESQL_ENABLE_LDAP", "no",
            "POSTGRESQL_ENABLE_TLS", "no",
            "POSTGRESQL_LOG_HOSTNAME", "false",
            "POSTGRESQL_LOG_CONNECTIONS", "false",
            "POSTGRESQL_LOG_DISCONNECTIONS", "false",
            "POSTGRESQL_PGAUDIT_LOG_CATALOG", "off",
            "POSTGRESQL_CLIENT_MIN_MESSAGES", "error",
            "POSTGRESQL_SHARED_PRELOAD_LIBRARIES", "pgaudit"));
    variables.putAll(environment);
    var mounts =
        new HashMap<>(
            Map.of(
                "/tmp", "",
                "/opt/bitnami/postgresql/conf", "",
                "/opt/bitnami/postgresql/tmp", "",
                "/opt/bitnami/postgresql/secrets", folder.resolve("secrets").toString(),
                "/bitnami/postgresql", folder.resolve("data").toString()));
    mounts.putAll(more);
    return Container.start(image, variables, mounts);
  }

  private Container ready(Path folder, Map<String, String> environment)
      throws IOException, InterruptedException {
    return ready(folder, environment, Map.of());
  }

  private Container ready(Path folder, Map<String, String> environment, Map<String, String> more)
      throws IOException, InterruptedException {
    var container = start(folder, environment, more);
    try {
      container.await(() -> probe(container) == 0);
    } catch (AssertionError e) {
      container.close();
      throw e;
    }
    return container;
  }

  private static int probe(Container container) throws IOException, InterruptedException {
    return container
        .exec(
            Map.of(),
            "/bin/sh",
            "-c",
            "-e",
            "exec pg_isready -U learnflow_owner -d dbname=learnflow -h 127.0.0.1 -p 5432")
        .exit();
  }

  private static Result sql(Container container, String user, String password, String statement)
      throws IOException, InterruptedException {
    return sql(container, "127.0.0.1", user, password, statement);
  }

  private static Result sql(
      Container container, String host, String user, String password, String statement)
      throws IOException, InterruptedException {
    return container.exec(
        Map.of("PGPASSWORD", password),
        "psql",
        "-X",
        "-At",
        "-h",
        host,
        "-U",
        user,
        "-d",
        "learnflow",
        "-c",
        statement);
  }

  private static Thread session(Container container, String statement) {
    return Thread.startVirtualThread(() -> {
      try {
        sql(container, OWNER, PASSWORD, statement);
      } catch (IOException | InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
  }

  private static void equal(Object actual, Object expected) {
    require(actual.equals(expected), "expected " + expected + ", was " + actual);
  }
}
