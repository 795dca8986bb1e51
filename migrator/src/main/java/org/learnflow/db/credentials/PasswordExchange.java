package org.learnflow.db.credentials;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.publish.PublishedConnection;
import org.learnflow.db.publish.Publisher;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;

/**
 * What a rotation does while it holds the lock CREDENTIALS. It continues where an earlier call
 * stopped, and can start again after a lost connection.
 *
 * @param target where services' passwords are published
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
   * @param keys of the passwords that were replaced
   * @param published where, and whether it was written; empty if no service's password was replaced
   */
  record Done(List<String> keys, Origin origin, String published) {}

  /**
   * Does it, in the admin's session.
   *
   * @param asked keys of the passwords to replace
   * @param before the passwords in force when the rotation was requested, by key
   */
  Done run(Connection connection, List<String> asked, Map<String, Password> before)
      throws SQLException {
    Map<String, Password> now = secret.current();
    List<CredentialsRole> roles = roles(secret.pending().keySet(), now);
    Origin origin = roles.isEmpty() ? Origin.NEW : Origin.FINISHED;
    if (roles.isEmpty()) {
      roles = roles(asked, now);
      List<CredentialsRole> unpublished = unpublished(roles, now);
      if (isReplaced(asked, before, now)) {
        origin = Origin.ELSEWHERE;
      } else if (!unpublished.isEmpty()) {
        roles = unpublished;
        origin = Origin.FINISHED;
      } else {
        replace(connection, roles);
      }
    } else {
      replace(connection, roles);
    }
    List<String> keys = CredentialsRole.keys(roles);
    return new Done(
        keys, origin, roles.stream().anyMatch(CredentialsRole::isPublished) ? publish(keys) : "");
  }

  private List<CredentialsRole> roles(Collection<String> keys, Map<String, Password> values) {
    return CredentialsRole.withKeys(keys, release, values);
  }

  private static boolean isReplaced(
      List<String> keys, Map<String, Password> before, Map<String, Password> now) {
    return keys.stream().noneMatch(key -> Objects.equals(before.get(key), now.get(key)));
  }

  /**
   * Those of which a rotation stopped after it wrote the Secret and before it published in all
   * namespaces.
   */
  private List<CredentialsRole> unpublished(
      List<CredentialsRole> roles, Map<String, Password> now) {
    return roles.stream()
        .filter(CredentialsRole::isPublished)
        .filter(role ->
            Optional.ofNullable(now.get(role.key()))
                .filter(password -> accepts(role.current(), password))
                .map(password ->
                    target.hasAnotherPassword(
                        new PublishedConnection(
                            access.target().owner().as(role.current()),
                            password,
                            role.service(),
                            access.target().serviceHosts())))
                .orElse(false))
        .toList();
  }

  private boolean accepts(String role, @Nullable Password password) {
    return password != null && access.accepts(role, password);
  }

  private void replace(Connection connection, List<CredentialsRole> roles) throws SQLException {
    Map<String, Password> current = secret.current();
    Map<String, Password> interrupted = secret.pending();
    List<CredentialsRole> unknown =
        roles.stream()
            .filter(role ->
                !accepts(role.next(), interrupted.get(role.key()))
                    && !accepts(role.current(), current.get(role.key())))
            .toList();
    if (!unknown.isEmpty()) {
      throw notAccepted(unknown, release);
    }
    Map<String, String> users = new HashMap<>();
    roles.forEach(
        role -> role.service().ifPresent(service -> users.put(service.userKey(), role.next())));
    Map<String, Password> next = secret.begin(CredentialsRole.keys(roles), users);
    List<CredentialsRole> replaced = roles(next.keySet(), current);
    reached.kept(replaced);
    for (CredentialsRole role : replaced) {
      reached.setting(role);
      // Even if it was done: setting the same password again changes nothing.
      RoleManager.setPassword(
          connection, role.next(), Objects.requireNonNull(next.get(role.key())));
      reached.set(role);
      progress.line("rotate", "set in the database: " + role.next());
    }
    reached.finishing();
    secret.finish(next);
    reached.finished();
    progress.line("rotate", "in force in " + secret);
  }

  static Failure notAccepted(Collection<CredentialsRole> roles, Release release) {
    return Failure.of(
            ExitCode.CREDENTIALS_REFUSED,
            "the database does not accept the password of %s that is in Secret %s"
                .formatted(CredentialsRole.names(roles), release.credentialsSecret().name()))
        .where("namespace " + release.namespace())
        .state("nothing was changed by this call")
        .next(
            """
            set the database's passwords to those of the Secret, then run the same command \
            again: learnflow-db credentials repair --release %s --namespace %s\
            """
                .formatted(release.name(), release.namespace()));
  }

  private Target renewed(Map<String, Password> current) {
    Map<String, String> values = new HashMap<>();
    current.forEach((key, password) -> values.put(key, password.value()));
    // What is published does not depend on the admin's password; it may be in another Secret.
    Map<String, String> admin =
        access
            .target()
            .admin()
            .flatMap(AdminSessions.Credentials::password)
            .map(password -> Map.of(release.credentialsSecret().admin(), password.value()))
            .orElse(Map.of());
    Release.Passwords passwords =
        release.passwords(values, admin, values, access.target().names()::rights);
    return access.target().with(passwords.owner(), passwords.roles(), passwords.services());
  }

  /** Publishes the connections whose passwords have these keys. */
  private String publish(List<String> keys) {
    if (!release.publishes()) {
      return "nowhere, as requested";
    }
    Map<String, Password> current = secret.current();
    Target renewed = renewed(current);
    List<String> users = roles(keys, current).stream().map(CredentialsRole::current).toList();
    DatabaseAccess renewedAccess = access.with(renewed);
    try (Session owner = renewedAccess.ownerSession()) {
      String version =
          owner.run("publish", reading -> SchemaState.read(reading, migrations).currentText());
      String published =
          new Publisher(
                  renewedAccess,
                  () -> Optional.of(target),
                  progress,
                  services ->
                      PublishedConnection.all(services).stream()
                          .filter(connection -> users.contains(connection.address().user()))
                          .toList())
              .publishLocked(version);
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
