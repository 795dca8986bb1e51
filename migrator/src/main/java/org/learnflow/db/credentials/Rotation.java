package org.learnflow.db.credentials;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.learnflow.db.Confirmation;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.Session;
import org.learnflow.db.credentials.PasswordExchange.Done;
import org.learnflow.db.credentials.PasswordExchange.Origin;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesApi;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.Workloads;
import org.learnflow.db.kubernetes.Workloads.Workload;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.schema.MigrationFiles;

/**
 * Replaces passwords of a release: stores the new ones in the Secret beside the current ones, sets
 * them in the database, makes them current in the Secret, publishes them. If it is killed at any
 * point, the Secret shows what remains to be done.
 *
 * @param migrations used once it is known that the release manages its passwords
 * @param access opened after the confirmation
 */
public record Rotation(
    KubernetesApi api,
    Release release,
    Supplier<MigrationFiles> migrations,
    Supplier<DatabaseAccess> access,
    Confirmation confirmation,
    Progress progress) {
  /** How long sessions of restarted workloads may take to end. */
  private static final Duration SESSIONS_END = Duration.ofSeconds(30);

  /**
   * What was done.
   *
   * @param roles whose passwords were replaced, by name: a role or a service
   * @param finished whether an interrupted call started it
   * @param text the same in one line, for people
   * @param published where, and whether it was written; empty if no service's password was replaced
   * @param workloads that use the published Secrets
   * @param restarted whether they were restarted
   * @param replaced roles that can still log in with the previous password of a service
   */
  public record Result(
      List<String> roles,
      boolean finished,
      String text,
      String published,
      List<Workload> workloads,
      boolean restarted,
      List<String> replaced) {}

  /**
   * Replaces passwords, or those whose rotation was interrupted.
   *
   * @param asked their keys in the Secret
   * @param restart how long to wait for the workloads that use the password; empty if they are not
   *     restarted
   * @throws Failure 10 if the passwords belong to somebody else or nobody confirms, 5 if the
   *     database does not accept those of the Secret, 9 if they cannot be published, 1 if workloads
   *     could not be restarted
   */
  public Result run(List<String> asked, Optional<Duration> restart) {
    refuseForeign();
    refuseForeignAdmin(asked);
    MigrationFiles files = migrations.get();
    CredentialsSecret secret = CredentialsSecret.of(api, release);
    Map<String, Password> before = secret.current();
    Set<String> pending = secret.pending().keySet();
    List<CredentialsRole> interrupted = CredentialsRole.withKeys(pending, release, before);
    List<CredentialsRole> expected =
        interrupted.isEmpty() ? CredentialsRole.withKeys(asked, release, before) : interrupted;
    if (expected.isEmpty()) {
      throw Failure.of(
              ExitCode.USAGE, "no role of all services exists whose password could be replaced")
          .state("nothing was changed")
          .next("name a service: --service " + release.services().getFirst().name());
    }
    PublishedWorkloads workloads = workloads(expected, restart.isPresent());
    confirmation.confirm(
        question(expected, !interrupted.isEmpty(), workloads, restart.isPresent()));

    DatabaseAccess opened = access.get();
    Done done = exchange(opened, secret, files, asked, before);
    boolean finished = done.origin() == Origin.FINISHED;
    if (finished && !Set.copyOf(asked).equals(Set.copyOf(done.keys()))) {
      progress.line("next", "the requested rotation was not started; run the same command again");
    }
    List<CredentialsRole> roles = CredentialsRole.withKeys(done.keys(), release, secret.current());
    String text = text(done, roles);
    PublishedWorkloads users =
        roles.stream().anyMatch(CredentialsRole::isPublished) ? workloads : workloads.none();
    boolean restarted = restart.isPresent() && users.canBeRestarted();
    if (restarted) {
      users.restart(restart.get(), text);
    }
    // What a service's role was before is now its next one.
    List<String> replaced =
        roles.stream()
            .filter(role -> role.service().isPresent())
            .map(CredentialsRole::next)
            .toList();
    return new Result(
        roles.stream().map(CredentialsRole::title).toList(),
        finished,
        text,
        done.published(),
        users.found(),
        restarted,
        restarted ? revoke(opened, secret, replaced) : replaced);
  }

  private PublishedWorkloads workloads(List<CredentialsRole> roles, boolean restart) {
    List<String> names = new ArrayList<>();
    Set<String> namespaces = new TreeSet<>();
    for (CredentialsRole role : roles) {
      if (role.isPublished() && release.publishes()) {
        names.add(role.service().map(Service::secret).orElse(release.name()));
        namespaces.addAll(
            role.service()
                .map(service -> List.of(service.namespace()))
                .orElse(release.publishNamespaces()));
      }
    }
    Workloads published = new Workloads(api, names, namespaces);
    return names.isEmpty()
        ? new PublishedWorkloads(published, List.of(), progress)
        : PublishedWorkloads.find(published, restart, progress);
  }

  /**
   * Takes the login from the roles that services had before their last rotation.
   *
   * @param services their names
   * @return the roles
   * @throws Failure 10 if one of them has open sessions or nobody confirms, 5 if a rotation has to
   *     be finished first
   */
  public List<String> revoke(List<String> services) {
    refuseForeign();
    CredentialsSecret secret = CredentialsSecret.of(api, release);
    List<String> keys = services.stream().map(Service::passwordKey).toList();
    List<String> roles =
        CredentialsRole.withKeys(keys, release, secret.current()).stream()
            .map(CredentialsRole::next)
            .toList();
    confirmation.confirm(
        "%s will no longer be able to log in, so that only the current password of %s works."
            .formatted(String.join(", ", roles), String.join(", ", services)));
    List<String> open = revoke(access.get(), secret, roles);
    if (!open.isEmpty()) {
      throw Failure.of(ExitCode.REFUSED, "%s has open sessions".formatted(String.join(", ", open)))
          .where("namespace " + release.namespace())
          .state("it can still log in with the previous password")
          .next(
              "restart what uses it; this shows it: SELECT pid, client_addr, application_name FROM pg_stat_activity WHERE usename IN (%s);"
                  .formatted(Sql.literals(open)));
    }
    return roles;
  }

  /** Waits for the sessions of roles and takes their login; returns those that have some left. */
  private List<String> revoke(DatabaseAccess opened, CredentialsSecret secret, List<String> roles) {
    return locked(
        opened,
        secret,
        connection -> {
          Set<String> pending = secret.pending().keySet();
          if (!pending.isEmpty()) {
            throw Failure.of(ExitCode.CREDENTIALS_REFUSED, "a rotation was interrupted")
                .state("no login was taken away")
                .next(
                    "finish it: "
                        + CredentialsSecret.rotation(release.name(), release.namespace()));
          }
          List<String> open = new ArrayList<>();
          for (String role : roles) {
            int sessions = new SpareRole(role).revoke(connection, SESSIONS_END, progress);
            progress.line(
                "rotate",
                sessions == 0
                    ? role + " can no longer log in"
                    : "%s has %d open sessions and can still log in".formatted(role, sessions));
            if (sessions > 0) {
              open.add(role);
            }
          }
          return open;
        });
  }

  private Done exchange(
      DatabaseAccess opened,
      CredentialsSecret secret,
      MigrationFiles files,
      List<String> asked,
      Map<String, Password> before) {
    ReachedState reached = new ReachedState(release);
    PasswordExchange exchange =
        new PasswordExchange(
            release,
            secret,
            opened,
            new KubernetesTarget(api, release.name(), release.publishNamespaces()),
            files,
            reached,
            progress);
    try {
      return locked(opened, secret, connection -> exchange.run(connection, asked, before));
    } catch (Failure failure) {
      throw reached.explained(failure);
    }
  }

  /** Does work in the admin's session while no other rotation, and nobody who publishes, does. */
  private <T> T locked(DatabaseAccess opened, CredentialsSecret secret, Session.Step<T> work) {
    try (AdminLogin admin = AdminLogin.open(opened, secret, release)) {
      return admin
          .locking()
          .run(
              "rotate",
              connection -> {
                try (var _ =
                    AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.CREDENTIALS, progress)) {
                  return admin.maintenance().run("rotate", work);
                }
              });
    }
  }

  /** Passwords that belong to somebody else must be replaced by their owner. */
  private void refuseForeign() {
    String run =
        "learnflow-db run --release %s --namespace %s"
            .formatted(release.name(), release.namespace());
    if (release.server().isEmpty() || release.adminUser().isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "the database is external, so the release does not manage its passwords")
          .state("nothing was changed")
          .next(
              "replace the password there and in Secret %s; then publish it: %s"
                  .formatted(release.credentialsSecret().appName(), run));
    }
    if (!release.ownsCredentials()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "Secret %s comes from credentials.existingSecret, so the release does not manage its passwords"
                  .formatted(release.credentialsSecret().name()))
          .state("nothing was changed")
          .next(
              "replace the service role's password where the Secret comes from; then set and publish it: "
                  + run
                  + "; for the owner's and admin's: replace them there, then run learnflow-db credentials repair");
    }
  }

  private void refuseForeignAdmin(List<String> asked) {
    Release.SecretKeys keys = release.credentialsSecret();
    if (keys.isAdminForeign() && asked.contains(CredentialsRole.Kind.ADMIN.key(release))) {
      throw Failure.of(
              ExitCode.REFUSED, "CloudNativePG manages the superuser's password, not the release")
          .where("Secret %s in namespace %s".formatted(keys.adminName(), release.namespace()))
          .state("nothing was changed")
          .next(
              "delete that Secret, and CloudNativePG creates another one and sets its password: kubectl -n %s delete secret %s"
                  .formatted(release.namespace(), keys.adminName()));
    }
  }

  private String question(
      List<CredentialsRole> expected,
      boolean interrupted,
      PublishedWorkloads workloads,
      boolean restart) {
    boolean goesOn = expected.stream().allMatch(role -> role.service().isPresent());
    return (interrupted
                ? "The interrupted rotation of %s in namespace %s will be finished."
                : "The password of %s in namespace %s will be replaced.")
            .formatted(CredentialsRole.names(expected), release.namespace())
        + (workloads.found().isEmpty()
            ? ""
            : (goesOn
                    ? " The current one goes on; for the new one, %s %s."
                    : " Open sessions continue; for new ones, %s %s.")
                .formatted(
                    Workload.titles(workloads.found()),
                    restart ? "will be restarted" : "need a restart"));
  }

  private String text(Done done, List<CredentialsRole> roles) {
    String origin =
        switch (done.origin()) {
          case NEW -> "";
          case FINISHED -> "finished the rotation that was interrupted: ";
          case ELSEWHERE -> "meanwhile another rotation did it: ";
        };
    return "%snew password for %s in the database, in Secret %s%s"
        .formatted(
            origin,
            CredentialsRole.names(roles),
            release.credentialsSecret().name(),
            done.published().isEmpty() ? "" : " and where it is published");
  }
}
