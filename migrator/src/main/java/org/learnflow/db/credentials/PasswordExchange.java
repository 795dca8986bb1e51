package org.learnflow.db.credentials;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.EnumSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.publish.Publisher;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;

/**
 * What a rotation does while it holds the lock CREDENTIALS. It continues where an earlier call
 * stopped, and can start again after a lost connection.
 *
 * @param target where the service role's password is published
 */
record PasswordExchange(
    Release release,
    CredentialsSecret secret,
    DatabaseAccess access,
    KubernetesTarget target,
    MigrationFiles migrations,
    ReachedState reached,
    Progress progress) {

  /** Which rotation replaced the passwords. */
  enum Origin {
    /** This one. */
    NEW,
    /** One that was interrupted and is now finished. */
    FINISHED,
    /** Another one, while this one waited for the lock. */
    ELSEWHERE
  }

  /**
   * What was done.
   *
   * @param roles whose passwords were replaced
   * @param published where, and whether it was written; empty if the service role's password was
   *     not replaced
   */
  record Done(Set<CredentialsRole> roles, Origin origin, String published) {}

  /**
   * Does it, in the admin's session.
   *
   * @param before the passwords in force when the rotation was requested, by key
   */
  Done run(Connection connection, Set<CredentialsRole> asked, Map<String, Password> before)
      throws SQLException {
    Set<CredentialsRole> roles = CredentialsRole.withKeys(secret.pending().keySet(), release);
    Origin origin = roles.isEmpty() ? Origin.NEW : Origin.FINISHED;
    if (roles.isEmpty()) {
      roles = asked;
      Map<String, Password> now = secret.current();
      if (isReplaced(asked, before, now)) {
        origin = Origin.ELSEWHERE;
      } else if (asked.contains(CredentialsRole.APP) && isUnpublished(now)) {
        roles = EnumSet.of(CredentialsRole.APP);
        origin = Origin.FINISHED;
      } else {
        replace(connection, asked);
      }
    } else {
      replace(connection, roles);
    }
    return new Done(roles, origin, roles.contains(CredentialsRole.APP) ? publish() : "");
  }

  private boolean isReplaced(
      Set<CredentialsRole> roles, Map<String, Password> before, Map<String, Password> now) {
    return roles.stream()
        .map(role -> role.key(release))
        .noneMatch(key -> Objects.equals(before.get(key), now.get(key)));
  }

  /**
   * Whether a rotation stopped after it wrote the Secret and before it published in all namespaces.
   */
  private boolean isUnpublished(Map<String, Password> now) {
    return Optional.ofNullable(now.get(CredentialsRole.APP.key(release)))
        .filter(password -> accepts(CredentialsRole.APP, password))
        .map(password -> !target.withAnotherPassword(password).isEmpty())
        .orElse(false);
  }

  private boolean accepts(CredentialsRole role, @Nullable Password password) {
    return password != null && access.accepts(role.name(release), password);
  }

  private void replace(Connection connection, Set<CredentialsRole> roles) throws SQLException {
    Map<String, Password> current = secret.current();
    Map<String, Password> interrupted = secret.pending();
    Set<CredentialsRole> unknown =
        roles.stream()
            .filter(role ->
                !accepts(role, interrupted.get(role.key(release)))
                    && !accepts(role, current.get(role.key(release))))
            .collect(Collectors.toCollection(() -> EnumSet.noneOf(CredentialsRole.class)));
    if (!unknown.isEmpty()) {
      throw notAccepted(unknown, release);
    }
    Map<String, Password> next =
        secret.begin(roles.stream().map(role -> role.key(release)).toList());
    Set<CredentialsRole> replaced = CredentialsRole.withKeys(next.keySet(), release);
    reached.kept(replaced);
    for (CredentialsRole role : replaced) {
      reached.setting(role);
      // Even if it was done: setting the same password again changes nothing.
      RoleManager.setPassword(
          connection, role.name(release), Objects.requireNonNull(next.get(role.key(release))));
      reached.set(role);
      progress.line("rotate", "set in the database: " + role.name(release));
    }
    reached.finishing();
    secret.finish(next);
    reached.finished();
    progress.line("rotate", "in force in " + secret);
  }

  static Failure notAccepted(Set<CredentialsRole> roles, Release release) {
    return Failure.of(
            ExitCode.CREDENTIALS_REFUSED,
            "the database does not accept the password of %s that is in Secret %s"
                .formatted(
                    CredentialsRole.names(roles, release), release.credentialsSecret().name()))
        .where("namespace " + release.namespace())
        .state("nothing was changed by this call")
        .next(
            """
            set the database's passwords to those of the Secret, then run the same command \
            again: learnflow-db credentials repair --release %s --namespace %s\
            """
                .formatted(release.name(), release.namespace()));
  }

  private String publish() {
    Map<String, Password> current = secret.current();
    Target renewed =
        access
            .target()
            .with(
                Optional.ofNullable(current.get(CredentialsRole.OWNER.key(release))),
                Objects.requireNonNull(
                    current.get(CredentialsRole.APP.key(release)), "the service role's password"));
    if (release.publishNamespaces().isEmpty()) {
      return "nowhere, as requested";
    }
    DatabaseAccess renewedAccess = access.with(renewed);
    try (Session owner = renewedAccess.ownerSession()) {
      String version =
          owner.run("publish", reading -> SchemaState.read(reading, migrations).currentText());
      String published =
          new Publisher(renewedAccess, () -> Optional.of(target), progress).publishLocked(version);
      progress.line("publish", published);
      return published;
    } catch (Failure failure) {
      throw failure
          .state(
              "the new password is in force in the database and in %s, but may not be published everywhere"
                  .formatted(secret))
          .next(
              "fix what it reports%s; then run the same command again, which finishes it"
                  .formatted(failure.next().map(next -> " (" + next + ")").orElse("")));
    }
  }
}
