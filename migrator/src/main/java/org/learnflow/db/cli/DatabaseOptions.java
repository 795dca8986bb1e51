package org.learnflow.db.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.ConnectionUri;
import org.learnflow.db.connect.Connector;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.EmbeddedServer;
import org.learnflow.db.connect.Hosting;
import org.learnflow.db.connect.PasswordDirectory;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.StatefulSetHosting;
import org.learnflow.db.roles.RightsCheck;
import picocli.CommandLine.Option;

/** Where the database is, and as whom it is used. */
final class DatabaseOptions {
  private static final String EMBEDDED_DATABASE = "learnflow";
  private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration DEFAULT_LOCK_TIMEOUT = Duration.ofSeconds(10);

  /** Milliseconds in a PostgreSQL setting are an int. */
  private static final Duration LONGEST = Duration.ofHours(500);

  private static final Pattern DURATION = Pattern.compile("(?<number>\\d+)(?<unit>ms|s|m|h)?");

  private final Environment environment;
  private @Nullable Release release;

  @Option(
      names = "--database",
      paramLabel = "URI",
      description =
          "postgresql://OWNER@HOST:PORT/DATABASE[?sslmode=..&sslrootcert=FILE], without a password."
              + " Default: DATABASE_URL, which may hold one.")
  private @Nullable String database;

  @Option(
      names = "--password-file",
      paramLabel = "FILE",
      description = "File with the owner's password. Default: PGPASSWORD or inside DATABASE_URL.")
  private @Nullable Path passwordFile;

  @Option(names = "--password", hidden = true, description = "Refused: arguments are public.")
  private @Nullable String passwordArgument;

  @Option(
      names = "--embedded",
      paramLabel = "DIR",
      description = "A PostgreSQL of its own in DIR, for trying things out; made where it is new.")
  private @Nullable Path embedded;

  @Option(
      names = "--admin-user",
      paramLabel = "ROLE",
      description = "Role that may make roles; without it, roles are left alone.")
  private @Nullable String adminUser;

  @Option(
      names = "--admin-password-file",
      paramLabel = "FILE",
      description = "File with the admin's password.")
  private @Nullable Path adminPasswordFile;

  @Option(
      names = "--app-user",
      paramLabel = "ROLE",
      description = "Role of the services (default: learnflow_user).")
  private String appUser = RoleNames.DEFAULT_SERVICE;

  @Option(
      names = "--app-password-file",
      paramLabel = "FILE",
      description = "File with the services' password.")
  private @Nullable Path appPasswordFile;

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

  /**
   * All that is known about the database.
   *
   * @param owner the database as the migrator's role, at the address that services use
   * @param password of the owner
   * @param admin credentials for the roles step
   * @param names the roles
   * @param servicePassword of the service role
   * @param hosting who runs the server, and how this process reaches it
   * @param release that named the database, if one did
   * @param server whose server it is
   */
  record Target(
      DatabaseAddress owner,
      Optional<Password> password,
      Optional<AdminSessions.Credentials> admin,
      RoleNames names,
      Optional<Password> servicePassword,
      Hosting hosting,
      Optional<Release> release,
      RightsCheck.Server server) {
    /**
     * Checks the names.
     *
     * @throws Failure 2 where database or role cannot have its name
     */
    Target {
      names.requireUsable(owner.database(), admin.map(AdminSessions.Credentials::user));
    }

    /** The same with other passwords. */
    Target with(Optional<Password> ownerPassword, Password other) {
      return new Target(
          owner, ownerPassword, admin, names, Optional.of(other), hosting, release, server);
    }

    /** Another database of the server that another role owns, and which no admin looks after. */
    Target side(String database, String otherOwner, Optional<Password> otherPassword) {
      return new Target(
          owner.in(database).as(otherOwner),
          otherPassword,
          Optional.empty(),
          new RoleNames(otherOwner, names.service()),
          servicePassword,
          hosting,
          release,
          RightsCheck.Server.SHARED);
    }
  }

  /** How long to wait for the database. */
  Duration timeout() {
    return timeout == null ? DEFAULT_TIMEOUT : duration("--timeout", timeout);
  }

  /** How long to wait for something else, where --timeout is not given. */
  Duration timeoutOr(Duration other) {
    return timeout == null ? other : timeout();
  }

  /** Makes sessions with --lock-timeout, within --timeout. */
  Connector connector() {
    return new Connector(
        lockTimeout == null ? DEFAULT_LOCK_TIMEOUT : duration("--lock-timeout", lockTimeout),
        timeout());
  }

  /** Whether the database itself is named, so that no release is asked. */
  boolean isNamed() {
    return embedded != null || database != null;
  }

  /**
   * The release that the options name, if it is what names the database: --embedded and --database
   * come first, DATABASE_URL and PGPASSWORD do not count then.
   *
   * @throws Failure 3 where it is not deployed
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
   * The database that the options mean.
   *
   * @param create whether an embedded server may be made where there is none
   * @throws Failure 2 for options that cannot be used, 3 where there is no embedded server
   */
  Target target(ClusterOptions cluster, boolean create, Progress progress) {
    if (passwordArgument != null) {
      throw usage("--password is refused: arguments can be read by everyone on the machine")
          .next("write it to a file and use --password-file, or set PGPASSWORD");
    }
    if (embedded != null) {
      if (database != null) {
        throw usage("--embedded and --database exclude each other").next("give one of them");
      }
      return embeddedTarget(embedded, create, progress);
    }
    return release(cluster)
        .map(found -> releaseTarget(found, cluster))
        .orElseGet(() -> uriTarget(cluster));
  }

  private Target releaseTarget(Release found, ClusterOptions cluster) {
    Release.Passwords passwords = found.passwords(cluster.api());
    DatabaseAddress owner = withCertificate(found, cluster);
    Hosting hosting =
        found
            .statefulSet()
            .<Hosting>map(set ->
                new StatefulSetHosting(
                    cluster.api(),
                    found.namespace(),
                    found.name(),
                    set,
                    cluster.inPod() ? Optional.empty() : found.service()))
            .orElse(Hosting.UNKNOWN);
    return new Target(
        owner,
        fromFile("--password-file", passwordFile).or(() -> Optional.of(passwords.owner())),
        found.adminUser().map(user -> new AdminSessions.Credentials(user, passwords.admin())),
        new RoleNames(owner.user(), found.appUser()),
        Optional.of(passwords.app()),
        hosting,
        Optional.of(found),
        server(found.statefulSet()));
  }

  private static DatabaseAddress withCertificate(Release found, ClusterOptions cluster) {
    DatabaseAddress owner = found.owner();
    boolean checked =
        owner.sslMode() == SslMode.VERIFY_CA || owner.sslMode() == SslMode.VERIFY_FULL;
    return (checked ? found.certificate(cluster.api()) : Optional.<String>empty())
        .map(pem ->
            new DatabaseAddress(
                owner.host(),
                owner.port(),
                owner.database(),
                owner.user(),
                owner.sslMode(),
                Optional.of(file(pem))))
        .orElse(owner);
  }

  private static Path file(String certificate) {
    try {
      Path file = Files.createTempFile("learnflow-db-", ".crt");
      file.toFile().deleteOnExit();
      return Files.writeString(file, certificate);
    } catch (IOException e) {
      throw new UncheckedIOException("writing the server's certificate", e);
    }
  }

  private Target embeddedTarget(Path directory, boolean create, Progress progress) {
    if (Files.exists(directory) && !Files.isDirectory(directory)) {
      throw usage("--embedded names a file, and a folder is needed")
          .where(directory.toString())
          .next("name another one, which need not be there yet");
    }
    if (!create && !EmbeddedServer.existsIn(directory)) {
      throw Failure.of(ExitCode.NOT_DEPLOYED, "there is no embedded database in " + directory)
          .state("nothing was changed")
          .next("make it with: learnflow-db run --embedded " + directory);
    }
    EmbeddedServer server = EmbeddedServer.in(directory);
    RoleNames names = new RoleNames(RoleNames.DEFAULT_OWNER, appUser);
    int port = server.start(List.of(names.owner(), names.service()), progress);
    PasswordDirectory passwords = server.passwords();
    DatabaseAddress owner =
        new DatabaseAddress(
            "127.0.0.1", port, EMBEDDED_DATABASE, names.owner(), SslMode.DEFAULT, Optional.empty());
    return new Target(
        owner,
        Optional.of(passwords.getOrCreate(names.owner())),
        Optional.of(
            new AdminSessions.Credentials(
                EmbeddedServer.ADMIN, Optional.of(passwords.getOrCreate(EmbeddedServer.ADMIN)))),
        names,
        Optional.of(passwords.getOrCreate(names.service())),
        server.hosting(),
        Optional.empty(),
        RightsCheck.Server.OWN);
  }

  /** A server that runs in a StatefulSet of the release is its own. */
  private static RightsCheck.Server server(Optional<String> statefulSet) {
    return statefulSet.isPresent() ? RightsCheck.Server.OWN : RightsCheck.Server.SHARED;
  }

  private Target uriTarget(ClusterOptions cluster) {
    ConnectionUri uri;
    if (database != null) {
      uri = ConnectionUri.parse(database, "--database");
      if (uri.password().isPresent()) {
        throw usage("--database holds a password, and arguments can be read by everyone")
            .next("write it to a file and use --password-file, or set DATABASE_URL or PGPASSWORD");
      }
    } else {
      uri =
          environment
              .get("DATABASE_URL")
              .map(text -> ConnectionUri.parse(text, "DATABASE_URL"))
              .orElseThrow(() ->
                  usage("no database is named")
                      .next("use --database URI, DATABASE_URL, --release NAME or --embedded DIR"));
    }
    uri.address()
        .rootCertificate()
        .filter(file -> !Files.isReadable(file))
        .ifPresent(file -> {
          throw usage(
                  "the file that sslrootcert names "
                      + (Files.exists(file) ? "cannot be read" : "is not there"))
              .where(file.toString())
              .next(
                  "put the authority's certificate there; in a release: into the Secret that"
                      + " externalDatabase.ca.existingSecret names, under the key that"
                      + " externalDatabase.ca.key says");
        });
    Optional<Password> password =
        fromFile("--password-file", passwordFile)
            .or(() -> environment.get("PGPASSWORD").map(Password::new))
            .or(uri::password);
    return new Target(
        uri.address(),
        password,
        Optional.ofNullable(adminUser)
            .map(user ->
                new AdminSessions.Credentials(
                    user, fromFile("--admin-password-file", adminPasswordFile))),
        new RoleNames(uri.address().user(), appUser),
        fromFile("--app-password-file", appPasswordFile),
        cluster
            .statefulSet()
            .<Hosting>map(set ->
                new StatefulSetHosting(
                    cluster.api(), cluster.namespace(), cluster.release(), set, Optional.empty()))
            .orElse(Hosting.UNKNOWN),
        Optional.empty(),
        server(cluster.statefulSet()));
  }

  private static Optional<Password> fromFile(String option, @Nullable Path file) {
    if (file == null) {
      return Optional.empty();
    }
    try {
      Optional<Password> password = Password.ofFile(WholeFile.PASSWORD.text(file));
      if (password.isEmpty()) {
        throw usage("the file that " + option + " names is empty")
            .where(file.toString())
            .next("write the password into it");
      }
      return password;
    } catch (NoSuchFileException e) {
      throw usage("the file that " + option + " names is not there")
          .where(file.toString())
          .next(
              "make it; in a release: put the password into the Secret that credentials.existingSecret"
                  + " names, or externalDatabase.appSecret the services', under the key that"
                  + " credentials.keys says");
    } catch (IOException e) {
      throw usage("the file that " + option + " names cannot be read: " + Reason.of(e))
          .where(file.toString())
          .next("ls -l " + file);
    }
  }

  /** A time as people write it. */
  static Duration duration(String option, String text) {
    Matcher matcher = DURATION.matcher(text);
    if (!matcher.matches() || matcher.group("number").length() > 9) {
      throw usage(option + " is no time" + GivenOptions.shown(text))
          .next("give it like 500ms, 60s, 5m or 1h");
    }
    long number = Long.parseLong(matcher.group("number"));
    String unit = matcher.group("unit");
    Duration duration =
        switch (unit == null ? "s" : unit) {
          case "ms" -> Duration.ofMillis(number);
          case "m" -> Duration.ofMinutes(number);
          case "h" -> Duration.ofHours(number);
          default -> Duration.ofSeconds(number);
        };
    if (duration.compareTo(LONGEST) > 0) {
      throw usage(option + " is too long a time").next("give at most " + LONGEST.toHours() + "h");
    }
    return duration;
  }

  private static Failure usage(String what) {
    return Failure.of(ExitCode.USAGE, what).state("nothing was changed");
  }
}
