package org.learnflow.db.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.Workloads;
import org.learnflow.db.kubernetes.Workloads.Workload;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.publish.Publisher;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Replaces passwords: kept in the Secret beside those in force, set in the database, put in force
 * in the Secret, published. Whatever was done when it was killed, the Secret tells what is left.
 */
@Command(
    name = "rotate",
    description = {
      "Replaces passwords of a release in the database, in its Secret and where it is published."
          + " Killed anywhere, the same command once more finishes it. Open sessions stay; what"
          + " opens new ones with the old password needs a restart, and is listed. Asks first.",
      "It needs the rights to get and update the Secret, to forward a port to the pod, to list and"
          + " (--restart) patch Deployments, StatefulSets, DaemonSets, and to list CronJobs."
    })
final class CredentialsRotateCommand extends BaseCommand {
  /** How long one login that was refused is tried again: another rotation may be at work. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final Duration POLL = Duration.ofMillis(200);
  private static final Duration ROLLOUT = Duration.ofMinutes(5);

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();

  @Option(
      names = "--role",
      paramLabel = "app|owner|admin",
      split = ",",
      description =
          "Whose password: app (default), the services'; owner, the migrator's; admin, the"
              + " superuser's. May be repeated.")
  private List<RotatedRole> roles = List.of(RotatedRole.APP);

  @Option(
      names = "--restart",
      description =
          "Restarts the workloads that use the published Secrets, as kubectl rollout restart does,"
              + " and waits for them: 5m, or --timeout.")
  private boolean restart;

  /**
   * What rotate did.
   *
   * @param secret its name
   * @param namespace where it is
   * @param roles whose passwords were replaced
   * @param finished whether that was begun by a call that was interrupted
   * @param published where, and whether it was written; empty where the services' password was not
   *     replaced
   * @param workloads that use the published Secrets
   * @param restarted whether they were restarted
   */
  record Rotated(
      String secret,
      String namespace,
      List<String> roles,
      boolean finished,
      String published,
      List<Workload> workloads,
      boolean restarted) {}

  /** How far a rotation came under the lock. */
  private record Done(Set<RotatedRole> roles, String how, String published) {}

  private static final String NEW = "new password for ";
  private static final String FINISHED = "finished the rotation that was interrupted: " + NEW;
  private static final String ELSEWHERE = "another rotation did it meanwhile: " + NEW;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    if (database.isNamed() || cluster().namedRelease().isEmpty()) {
      throw Failure.of(ExitCode.USAGE, "only a release's passwords are rotated")
          .state("nothing was changed")
          .next("name it: --release NAME --namespace NS");
    }
    Release release = database.release(cluster()).orElseThrow();
    refuseForeign(release);
    MigrationFiles migrations = files.migrations();
    CredentialsSecret secret = CredentialsSecret.of(cluster().api(), release);
    Map<String, Password> before = secret.current();
    Set<RotatedRole> asked = EnumSet.copyOf(roles);
    Set<RotatedRole> pending = pending(secret, release);
    Set<RotatedRole> expected = pending.isEmpty() ? asked : pending;
    List<Workload> workloads =
        expected.contains(RotatedRole.APP) ? workloads(release, progress) : List.of();
    confirmation.confirm(question(release, expected, !pending.isEmpty(), workloads));

    DatabaseAccess access = database.access(cluster(), false, progress);
    Reached reached = new Reached(release);
    Done done;
    try (Admin admin = admin(access, secret, release)) {
      done =
          admin.locking.run(
              "rotate",
              connection -> {
                try (var _ =
                    AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.CREDENTIALS, progress)) {
                  return admin.maintenance.run(
                      "rotate",
                      setting ->
                          rotate(
                              new Work(release, secret, access, setting, reached, progress),
                              asked,
                              before,
                              migrations));
                }
              });
    } catch (Failure failure) {
      throw reached.explained(failure);
    }
    String text =
        done.how()
            + names(done.roles(), release)
            + " in the database, in Secret "
            + release.credentialsSecret().name()
            + (done.published().isEmpty() ? "" : " and where it is published");
    if (!asked.equals(done.roles()) && done.how().equals(FINISHED)) {
      progress.line("next", "what was asked for was not begun; run the same command again");
    }
    List<Workload> users = done.roles().contains(RotatedRole.APP) ? workloads : List.of();
    boolean restarted = restart && users.stream().anyMatch(user -> !user.restart().isEmpty());
    if (restarted) {
      restart(release, users, text, progress);
    }
    print(
        restarted ? text + "\nrestarted: " + titles(users) : text + advice(users),
        new Rotated(
            release.credentialsSecret().name(),
            release.namespace(),
            done.roles().stream().map(role -> role.name(release)).toList(),
            done.how().equals(FINISHED),
            done.published(),
            users,
            restarted));
    return ExitCode.OK;
  }

  /** Passwords that belong to somebody else are replaced by them. */
  private static void refuseForeign(Release release) {
    String run =
        "learnflow-db run --release %s --namespace %s"
            .formatted(release.name(), release.namespace());
    if (release.statefulSet().isEmpty() || release.adminUser().isEmpty()) {
      throw Failure.of(ExitCode.REFUSED, "the database is not the release's own, but external")
          .state("nothing was changed")
          .next(
              "replace the password there and in Secret %s; then publish it: %s"
                  .formatted(release.credentialsSecret().appName(), run));
    }
    if (!release.ownsCredentials()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "Secret %s is not the release's own, but that of credentials.existingSecret"
                  .formatted(release.credentialsSecret().name()))
          .state("nothing was changed")
          .next(
              "replace the services' password where the Secret comes from; then set and publish it: "
                  + run
                  + "; the owner's and admin's: there, then learnflow-db credentials repair");
    }
  }

  private static Set<RotatedRole> pending(CredentialsSecret secret, Release release) {
    return roles(secret.pending().keySet(), release);
  }

  private static Set<RotatedRole> roles(Set<String> keys, Release release) {
    return Arrays.stream(RotatedRole.values())
        .filter(role -> keys.contains(role.key(release)))
        .collect(Collectors.toCollection(() -> EnumSet.noneOf(RotatedRole.class)));
  }

  /** Who may not list them may rotate all the same, but not restart. */
  private List<Workload> workloads(Release release, ConsoleProgress progress) {
    try {
      return new Workloads(cluster().api(), release).find();
    } catch (Failure failure) {
      if (restart) {
        throw failure.state("nothing was changed");
      }
      progress.line("restart", "workloads that use the password are not known: " + failure.what());
      return List.of();
    }
  }

  private String question(
      Release release, Set<RotatedRole> expected, boolean interrupted, List<Workload> workloads) {
    return (interrupted
                ? "The interrupted rotation of %s in namespace %s is finished."
                : "The password of %s in namespace %s is replaced.")
            .formatted(names(expected, release), release.namespace())
        + (workloads.isEmpty()
            ? ""
            : " Open sessions stay; for new ones %s %s."
                .formatted(titles(workloads), restart ? "are restarted" : "need a restart"));
  }

  /**
   * Sessions of the admin that are open before a rotation waits for its turn, since another one may
   * replace the password meanwhile.
   *
   * @param locking in the database itself, where the others look for the lock
   * @param maintenance where passwords are set
   */
  private record Admin(Session locking, Session maintenance) implements AutoCloseable {
    static Admin open(AdminSessions sessions) {
      Admin admin = new Admin(sessions.inDatabase(), sessions.maintenance());
      try {
        admin.locking.run("rotate", connection -> connection.isValid(0));
        admin.maintenance.run("rotate", connection -> connection.isValid(0));
        return admin;
      } catch (Failure failure) {
        admin.close();
        throw failure;
      }
    }

    @Override
    public void close() {
      locking.close();
      maintenance.close();
    }
  }

  /** The admin, by whichever of its passwords the database knows by now. */
  private static Admin admin(DatabaseAccess access, CredentialsSecret secret, Release release) {
    String name = RotatedRole.ADMIN.name(release);
    String key = RotatedRole.ADMIN.key(release);
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      for (Password password : candidates(secret, key)) {
        try {
          return Admin.open(
              access.admin(new AdminSessions.Credentials(name, Optional.of(password))));
        } catch (Failure failure) {
          if (!SqlStates.of(failure).equals(SqlStates.INVALID_PASSWORD)) {
            throw failure;
          }
        }
      }
      if (System.nanoTime() > end) {
        throw notAccepted(Set.of(RotatedRole.ADMIN), release);
      }
      sleep();
    }
  }

  /** The next password, where there is one, and the one in force. */
  private static List<Password> candidates(CredentialsSecret secret, String key) {
    return Stream.of(secret.pending(), secret.current())
        .map(passwords -> passwords.get(key))
        .filter(Objects::nonNull)
        .toList();
  }

  private static Failure notAccepted(Set<RotatedRole> roles, Release release) {
    return Failure.of(
            ExitCode.CREDENTIALS_REFUSED,
            "the database does not accept the password of %s that is in Secret %s"
                .formatted(names(roles, release), release.credentialsSecret().name()))
        .where("namespace " + release.namespace())
        .state("nothing was changed by this call")
        .next(
            """
            set the database's passwords to those of the Secret, then run the same command \
            again: learnflow-db credentials repair --release %s --namespace %s\
            """
                .formatted(release.name(), release.namespace()));
  }

  /**
   * How far a rotation has come, also where a lost session begins it again: which passwords are
   * where, for whoever reads why it did not end.
   */
  private static final class Reached {
    private final Release release;
    private final Set<RotatedRole> old = EnumSet.noneOf(RotatedRole.class);
    private final Set<RotatedRole> unknown = EnumSet.noneOf(RotatedRole.class);
    private final Set<RotatedRole> set = EnumSet.noneOf(RotatedRole.class);
    private boolean kept;
    private boolean finishing;
    private boolean finished;

    Reached(Release release) {
      this.release = release;
    }

    void kept(Set<RotatedRole> roles) {
      kept = true;
      old.addAll(roles);
      old.removeAll(unknown);
      old.removeAll(set);
    }

    void setting(RotatedRole role) {
      old.remove(role);
      if (!set.contains(role)) {
        unknown.add(role);
      }
    }

    void set(RotatedRole role) {
      unknown.remove(role);
      set.add(role);
    }

    void finishing() {
      finishing = true;
    }

    void finished() {
      finished = true;
    }

    /** A failure that says which passwords are where; as it is where no new one is anywhere. */
    Failure explained(Failure failure) {
      if (!kept || finished) {
        return failure;
      }
      String secret = "Secret " + release.credentialsSecret().name();
      List<String> states = new ArrayList<>();
      states.add("new passwords are kept in " + secret + " beside those in force");
      state(states, set, "set in the database: ");
      state(states, unknown, "whether it is set in the database is not known: ");
      state(states, old, "not set yet: ");
      if (finishing) {
        states.add("putting them in force: " + failure.state().orElse("not known"));
      }
      return failure
          .state(String.join("; ", states))
          .next(
              failure.next().map(next -> next + "; then ").orElse("")
                  + "finish it: "
                  + CredentialsSecret.rotation(release.name(), release.namespace()));
    }

    private void state(List<String> states, Set<RotatedRole> roles, String what) {
      if (!roles.isEmpty()) {
        states.add(what + names(roles, release));
      }
    }
  }

  /** What the steps under the lock need. */
  private record Work(
      Release release,
      CredentialsSecret secret,
      DatabaseAccess access,
      Connection connection,
      Reached reached,
      ConsoleProgress progress) {
    boolean accepts(RotatedRole role, @Nullable Password password) {
      return password != null && access.accepts(role.name(release), password);
    }
  }

  private Done rotate(
      Work work, Set<RotatedRole> asked, Map<String, Password> before, MigrationFiles migrations)
      throws SQLException {
    Set<RotatedRole> roles = pending(work.secret(), work.release());
    String how = roles.isEmpty() ? NEW : FINISHED;
    if (roles.isEmpty()) {
      roles = asked;
      Map<String, Password> now = work.secret().current();
      if (isReplaced(asked, work.release(), before, now)) {
        how = ELSEWHERE;
      } else if (asked.contains(RotatedRole.APP) && isUnpublished(work, now)) {
        roles = EnumSet.of(RotatedRole.APP);
        how = FINISHED;
      } else {
        replace(work, asked);
      }
    } else {
      replace(work, roles);
    }
    String published = roles.contains(RotatedRole.APP) ? publish(work, migrations) : "";
    return new Done(roles, how, published);
  }

  private static boolean isReplaced(
      Set<RotatedRole> roles,
      Release release,
      Map<String, Password> before,
      Map<String, Password> now) {
    return roles.stream()
        .map(role -> role.key(release))
        .noneMatch(key -> Objects.equals(before.get(key), now.get(key)));
  }

  /** Whether a rotation ended after the Secret and before all namespaces. */
  private boolean isUnpublished(Work work, Map<String, Password> now) {
    return Optional.ofNullable(now.get(RotatedRole.APP.key(work.release())))
        .filter(password -> work.accepts(RotatedRole.APP, password))
        .map(password -> !target(work.release()).withAnotherPassword(password).isEmpty())
        .orElse(false);
  }

  private KubernetesTarget target(Release release) {
    return new KubernetesTarget(cluster().api(), release.name(), release.publishNamespaces());
  }

  /** Replaces the passwords of roles, from wherever an earlier call has come to. */
  private static void replace(Work work, Set<RotatedRole> roles) throws SQLException {
    CredentialsSecret secret = work.secret();
    Release release = work.release();
    Map<String, Password> current = secret.current();
    Map<String, Password> interrupted = secret.pending();
    Function<RotatedRole, Boolean> isKnown =
        role ->
            work.accepts(role, interrupted.get(role.key(release)))
                || work.accepts(role, current.get(role.key(release)));
    Set<RotatedRole> unknown =
        roles.stream()
            .filter(role -> !isKnown.apply(role))
            .collect(Collectors.toCollection(() -> EnumSet.noneOf(RotatedRole.class)));
    if (!unknown.isEmpty()) {
      throw notAccepted(unknown, release);
    }
    Map<String, Password> next =
        secret.begin(roles.stream().map(role -> role.key(release)).toList());
    Set<RotatedRole> replaced = roles(next.keySet(), release);
    work.reached().kept(replaced);
    for (RotatedRole role : replaced) {
      work.reached().setting(role);
      // Also where it was done: the same password once more changes nothing.
      RoleManager.setPassword(
          work.connection(),
          role.name(release),
          Objects.requireNonNull(next.get(role.key(release))));
      work.reached().set(role);
      work.progress().line("rotate", "set in the database: " + role.name(release));
    }
    work.reached().finishing();
    secret.finish(next);
    work.reached().finished();
    work.progress().line("rotate", "in force in " + secret);
  }

  private String publish(Work work, MigrationFiles migrations) throws SQLException {
    Release release = work.release();
    Map<String, Password> current = work.secret().current();
    Target target =
        work.access()
            .target()
            .with(
                Optional.ofNullable(current.get(RotatedRole.OWNER.key(release))),
                Objects.requireNonNull(
                    current.get(RotatedRole.APP.key(release)), "the services' password"));
    if (release.publishNamespaces().isEmpty()) {
      return "nowhere, as asked for";
    }
    DatabaseAccess access = work.access().with(target);
    try (Session owner = access.ownerSession()) {
      String version =
          owner.run("publish", reading -> SchemaState.read(reading, migrations).currentText());
      String published =
          new Publisher(access, () -> Optional.of(target(release)), work.progress())
              .publishLocked(version);
      work.progress().line("publish", published);
      return published;
    } catch (Failure failure) {
      throw failure
          .state(
              "the new password is in force in the database and in %s, and perhaps not published everywhere"
                  .formatted(work.secret()))
          .next(
              "correct what it says%s; then run the same command again, which finishes it"
                  .formatted(failure.next().map(next -> " (" + next + ")").orElse("")));
    }
  }

  private void restart(
      Release release, List<Workload> workloads, String done, ConsoleProgress progress) {
    try {
      new Workloads(cluster().api(), release)
          .restart(workloads, database.timeoutOr(ROLLOUT), progress);
    } catch (Failure failure) {
      throw failure
          .state("the rotation itself is complete: " + done)
          .next("see why: kubectl describe; or restart by hand:" + commands(workloads));
    }
  }

  private static String names(Set<RotatedRole> roles, Release release) {
    return roles.stream().map(role -> role.name(release)).collect(Collectors.joining(", "));
  }

  private static String titles(List<Workload> workloads) {
    return workloads.stream().map(Workload::title).collect(Collectors.joining(", "));
  }

  private static String commands(List<Workload> workloads) {
    return workloads.stream()
        .filter(workload -> !workload.restart().isEmpty())
        .map(workload -> "\n  " + workload.restart())
        .collect(Collectors.joining());
  }

  /** What to type next, a line for each workload. */
  private static String advice(List<Workload> workloads) {
    if (workloads.isEmpty()) {
      return "";
    }
    return "\nopen sessions stay; for new ones these need the new password:"
        + workloads.stream()
            .map(workload ->
                "\n  "
                    + (workload.restart().isEmpty()
                        ? workload.title() + ": nothing to do, its next run has it"
                        : workload.restart()
                            + (workload.reads().equals("files")
                                ? "   # reads files, renewed within about a minute: only if it"
                                    + " does not read them anew"
                                : "")))
            .collect(Collectors.joining());
  }

  private static void sleep() {
    try {
      Thread.sleep(POLL);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.of(ExitCode.FAILED, "interrupted").causedBy(e);
    }
  }
}
