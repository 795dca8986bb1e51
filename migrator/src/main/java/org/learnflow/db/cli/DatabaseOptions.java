package org.learnflow.db.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.ConnectionUri;
import org.learnflow.db.connect.Connector;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.EmbeddedTarget;
import org.learnflow.db.connect.Hosting;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.connect.ServiceHosts;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.Target;
import org.learnflow.db.kubernetes.ClusterHosting;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.ReleaseTarget;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where the database is, and which roles are used. */
final class DatabaseOptions {
  private static final int DEFAULT_PORT = 5432;
  private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration DEFAULT_LOCK_TIMEOUT = Duration.ofSeconds(10);

  private final Environment environment;
  private @Nullable Release release;

  @Option(
      names = "--database",
      paramLabel = "URI",
      description =
          "postgresql://OWNER@HOST:PORT/DATABASE[?sslmode=..&sslrootcert=FILE], without a password."
              + " Default: DATABASE_URL, which can contain one.")
  private @Nullable String database;

  @Option(
      names = "--read-host",
      paramLabel = "HOST",
      description = "Host of replicas, on the same port; published for services that only read.")
  private @Nullable String readHost;

  @Option(
      names = "--pooler-host",
      paramLabel = "HOST",
      description =
          "Host of a connection pooler such as PgBouncer in front of the database; published for"
              + " services, while learnflow-db itself connects to the database.")
  private @Nullable String poolerHost;

  @Option(names = "--pooler-port", paramLabel = "PORT", description = "Its port (default: 5432).")
  private int poolerPort = DEFAULT_PORT;

  @Option(
      names = "--password-file",
      paramLabel = "FILE",
      description =
          "File with the owner's password. Default: PGPASSWORD, or the password in"
              + " DATABASE_URL.")
  private @Nullable Path passwordFile;

  @Option(names = "--password", hidden = true, description = "Refused: arguments are public.")
  private @Nullable String passwordArgument;

  @Option(
      names = "--embedded",
      paramLabel = "DIR",
      description =
          "A local PostgreSQL server in DIR, for trying things out; created if it does"
              + " not exist.")
  private @Nullable Path embedded;

  @Option(
      names = "--admin-user",
      paramLabel = "ROLE",
      description = "Role that can create roles; without it, roles are not changed.")
  private @Nullable String adminUser;

  @Option(
      names = "--admin-password-file",
      paramLabel = "FILE",
      description = "File with the admin's password.")
  private @Nullable Path adminPasswordFile;

  @Option(
      names = "--admin-secret",
      paramLabel = "NAME",
      description =
          "With --cnpg-cluster: the Secret with the superuser's password, as CloudNativePG creates"
              + " it; it is waited for.")
  private @Nullable String adminSecret;

  @Option(
      names = "--app-user",
      paramLabel = "ROLE",
      description =
          "Role that all services connect as (default: learnflow_user); none: each of --services has its own.")
  private String appUser = RoleNames.DEFAULT_SERVICE;

  @Option(
      names = "--app-password-file",
      paramLabel = "FILE",
      description = "File with the service role's password.")
  private @Nullable Path appPasswordFile;

  @Mixin private ServiceOptions services = new ServiceOptions();

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      description = "How long to wait for the database, such as 60s (default) or 5m.")
  private @Nullable String timeout;

  @Option(
      names = "--lock-timeout",
      paramLabel = "TIME",
      description = "How long a statement waits for a lock (default: 10s).")
  private @Nullable String lockTimeout;

  DatabaseOptions(Environment environment) {
    this.environment = environment;
  }

  /** How long to wait for the database. */
  Duration timeout() {
    return timeout == null ? DEFAULT_TIMEOUT : Durations.parse("--timeout", timeout);
  }

  /** How long to wait for something else if --timeout is not given. */
  Duration timeoutOr(Duration other) {
    return timeout == null ? other : timeout();
  }

  /** Opens sessions with --lock-timeout, within --timeout. */
  Connector connector() {
    return new Connector(
        lockTimeout == null ? DEFAULT_LOCK_TIMEOUT : Durations.parse("--lock-timeout", lockTimeout),
        timeout());
  }

  /** Whether the database itself is named, so that no release is consulted. */
  boolean isNamed() {
    return embedded != null || database != null;
  }

  /**
   * The release that the options name, if the database comes from it: --embedded and --database
   * override it, and it overrides DATABASE_URL and PGPASSWORD.
   *
   * @throws Failure 3 if it is not deployed
   */
  Optional<Release> release(ClusterOptions cluster) {
    if (isNamed()) {
      return Optional.empty();
    }
    Optional<Release> found =
        Optional.ofNullable(release)
            .or(() ->
                cluster
                    .namedRelease()
                    .map(name -> Release.read(cluster.api(), cluster.namespace(), name)));
    release = found.orElse(null);
    return found;
  }

  /**
   * Access to the database that the options describe.
   *
   * @param create whether an embedded server is created if there is none
   * @throws Failure 2 for invalid options, 3 if there is no embedded server
   */
  DatabaseAccess access(ClusterOptions cluster, boolean create, Progress progress) {
    Target target = target(cluster, create, progress);
    DatabaseAddress address = target.owner();
    progress.trace().tell("db.system.name", "postgresql");
    progress.trace().tell("db.namespace", address.database());
    progress.trace().tell("server.address", address.host());
    progress.trace().tell("server.port", address.port());
    return new DatabaseAccess(target, connector(), timeout(), progress);
  }

  /**
   * The database that the options describe.
   *
   * @param create whether an embedded server is created if there is none
   * @throws Failure 2 for invalid options, 3 if there is no embedded server
   */
  Target target(ClusterOptions cluster, boolean create, Progress progress) {
    if (passwordArgument != null) {
      throw Failures.usage("--password is refused: everyone on the machine can read arguments")
          .next("write it to a file and use --password-file, or set PGPASSWORD");
    }
    if (embedded != null) {
      if (database != null) {
        throw Failures.usage("--embedded and --database cannot be used together")
            .next("use only one of them");
      }
      if (Files.exists(embedded) && !Files.isDirectory(embedded)) {
        throw Failures.usage("--embedded names a file, but a folder is required")
            .where(embedded.toString())
            .next("name another folder; it does not have to exist");
      }
      return EmbeddedTarget.start(embedded, create, services.roles(appUser), progress);
    }
    return release(cluster)
        .map(found ->
            ReleaseTarget.of(
                cluster.api(),
                found,
                PasswordFile.read("--password-file", passwordFile),
                !cluster.inPod(),
                services::rights))
        .orElseGet(() -> uriTarget(cluster, progress));
  }

  private Target uriTarget(ClusterOptions cluster, Progress progress) {
    ConnectionUri uri;
    if (database != null) {
      uri = ConnectionUri.parse(database, "--database");
      if (uri.password().isPresent()) {
        throw Failures.usage(
                "--database contains a password, and everyone on the machine can read"
                    + " arguments")
            .next("write it to a file and use --password-file, or set DATABASE_URL or PGPASSWORD");
      }
    } else {
      uri =
          environment
              .get("DATABASE_URL")
              .map(text -> ConnectionUri.parse(text, "DATABASE_URL"))
              .orElseThrow(() ->
                  Failures.usage("no database is specified")
                      .next("use --database URI, DATABASE_URL, --release NAME or --embedded DIR"));
    }
    uri.address()
        .rootCertificate()
        // A server in a pod may get it later, and waiting for the server is waiting for it too.
        .filter(file -> !Files.isReadable(file) && cluster.server().isEmpty())
        .ifPresent(file -> {
          throw Failures.usage(
                  "the file that sslrootcert names "
                      + (Files.exists(file) ? "cannot be read" : "does not exist"))
              .where(file.toString())
              .next(
                  "put the certificate of the certificate authority there; in a release: into the"
                      + " Secret that externalDatabase.ca.existingSecret names, under the key in"
                      + " externalDatabase.ca.key, or for its own server: docs/explanation/tls.md");
        });
    Optional<Password> password =
        PasswordFile.read("--password-file", passwordFile)
            .or(() -> environment.get("PGPASSWORD").map(Password::new))
            .or(uri::password);
    List<ServiceRole> roles = services.roles(appUser);
    Map<String, Password> passwords = services.passwords(roles);
    PasswordFile.read("--app-password-file", appPasswordFile)
        .filter(_ -> !appUser.equals(ServiceRole.NONE))
        .ifPresent(ofAll -> passwords.put(appUser, ofAll));
    RoleNames names = new RoleNames(uri.address().user(), roles);
    return new Target(
        uri.address(),
        new ServiceHosts(
            Optional.ofNullable(readHost).filter(host -> !host.isEmpty()),
            Optional.ofNullable(poolerHost)
                .filter(host -> !host.isEmpty())
                .map(host -> new ServiceHosts.PoolerAddress(host, poolerPort))),
        password,
        Optional.ofNullable(adminUser)
            .map(user ->
                new AdminSessions.Credentials(user, adminPassword(cluster, names, progress))),
        names,
        passwords,
        cluster.hosting().<Hosting>map(pod -> pod).orElse(Hosting.UNKNOWN),
        ReleaseTarget.server(cluster.server()));
  }

  private Optional<Password> adminPassword(
      ClusterOptions cluster, RoleNames names, Progress progress) {
    return PasswordFile.read("--admin-password-file", adminPasswordFile)
        .or(() ->
            Optional.ofNullable(adminSecret)
                .flatMap(secret ->
                    cluster
                        .hosting()
                        .filter(ClusterHosting.class::isInstance)
                        .map(ClusterHosting.class::cast)
                        .map(hosting ->
                            hosting.superuser(secret, names.all(), timeout(), progress))));
  }
}
