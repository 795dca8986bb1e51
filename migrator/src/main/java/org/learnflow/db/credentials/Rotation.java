package org.learnflow.db.credentials;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.learnflow.db.Confirmation;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.credentials.PasswordExchange.Done;
import org.learnflow.db.credentials.PasswordExchange.Origin;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesApi;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.Workloads;
import org.learnflow.db.kubernetes.Workloads.Workload;
import org.learnflow.db.postgres.AdvisoryLock;
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

  /**
   * What was done.
   *
   * @param roles whose passwords were replaced, by name
   * @param finished whether an interrupted call started it
   * @param text the same in one line, for people
   * @param published where, and whether it was written; empty if the service role's password was
   *     not replaced
   * @param workloads that use the published Secrets
   * @param restarted whether they were restarted
   */
  public record Result(
      List<String> roles,
      boolean finished,
      String text,
      String published,
      List<Workload> workloads,
      boolean restarted) {}

  /**
   * Replaces the passwords of {@code asked}, or of those whose rotation was interrupted.
   *
   * @param restart how long to wait for the workloads that use the password; empty if they are not
   *     restarted
   * @throws Failure 10 if the passwords belong to somebody else or nobody confirms, 5 if the
   *     database does not accept those of the Secret, 9 if they cannot be published, 1 if workloads
   *     could not be restarted
   */
  public Result run(Set<CredentialsRole> asked, Optional<Duration> restart) {
    refuseForeign();
    MigrationFiles files = migrations.get();
    CredentialsSecret secret = CredentialsSecret.of(api, release);
    Map<String, Password> before = secret.current();
    Set<CredentialsRole> pending = CredentialsRole.withKeys(secret.pending().keySet(), release);
    Set<CredentialsRole> expected = pending.isEmpty() ? asked : pending;
    Workloads published = new Workloads(api, release);
    PublishedWorkloads workloads =
        expected.contains(CredentialsRole.APP)
            ? PublishedWorkloads.find(published, restart.isPresent(), progress)
            : new PublishedWorkloads(published, List.of(), progress);
    confirmation.confirm(question(expected, !pending.isEmpty(), workloads, restart.isPresent()));

    Done done = exchange(secret, files, asked, before);
    boolean finished = done.origin() == Origin.FINISHED;
    if (finished && !asked.equals(done.roles())) {
      progress.line("next", "the requested rotation was not started; run the same command again");
    }
    String text = text(done);
    PublishedWorkloads users =
        done.roles().contains(CredentialsRole.APP) ? workloads : workloads.none();
    boolean restarted = restart.isPresent() && users.canBeRestarted();
    if (restarted) {
      users.restart(restart.get(), text);
    }
    return new Result(
        done.roles().stream().map(role -> role.name(release)).toList(),
        finished,
        text,
        done.published(),
        users.found(),
        restarted);
  }

  private Done exchange(
      CredentialsSecret secret,
      MigrationFiles files,
      Set<CredentialsRole> asked,
      Map<String, Password> before) {
    DatabaseAccess opened = access.get();
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
    try (AdminLogin admin = AdminLogin.open(opened, secret, release)) {
      return admin
          .locking()
          .run(
              "rotate",
              connection -> {
                try (var _ =
                    AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.CREDENTIALS, progress)) {
                  return admin
                      .maintenance()
                      .run("rotate", setting -> exchange.run(setting, asked, before));
                }
              });
    } catch (Failure failure) {
      throw reached.explained(failure);
    }
  }

  /** Passwords that belong to somebody else must be replaced by their owner. */
  private void refuseForeign() {
    String run =
        "learnflow-db run --release %s --namespace %s"
            .formatted(release.name(), release.namespace());
    if (release.statefulSet().isEmpty() || release.adminUser().isEmpty()) {
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

  private String question(
      Set<CredentialsRole> expected,
      boolean interrupted,
      PublishedWorkloads workloads,
      boolean restart) {
    return (interrupted
                ? "The interrupted rotation of %s in namespace %s will be finished."
                : "The password of %s in namespace %s will be replaced.")
            .formatted(CredentialsRole.names(expected, release), release.namespace())
        + (workloads.found().isEmpty()
            ? ""
            : " Open sessions continue; for new ones, %s %s."
                .formatted(
                    Workload.titles(workloads.found()),
                    restart ? "will be restarted" : "need a restart"));
  }

  private String text(Done done) {
    String origin =
        switch (done.origin()) {
          case NEW -> "";
          case FINISHED -> "finished the rotation that was interrupted: ";
          case ELSEWHERE -> "meanwhile another rotation did it: ";
        };
    return "%snew password for %s in the database, in Secret %s%s"
        .formatted(
            origin,
            CredentialsRole.names(done.roles(), release),
            release.credentialsSecret().name(),
            done.published().isEmpty() ? "" : " and where it is published");
  }
}
