package org.learnflow.db.credentials;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import org.learnflow.db.Confirmation;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesApi;
import org.learnflow.db.kubernetes.PasswordRepair;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.roles.PasswordReset;

/**
 * Makes the database's passwords and the Secret match again: creates what the Secret lacks, and
 * sets in the database what it does not accept.
 *
 * @param name of the release
 * @param release as installed, if it is
 * @param named the Secret that was named, used if the release is not installed
 * @param access opened once the Secret is complete
 */
public record Repair(
    KubernetesApi api,
    String namespace,
    String name,
    Optional<Release> release,
    Optional<String> named,
    Supplier<DatabaseAccess> access,
    Confirmation confirmation,
    Progress progress) {

  /**
   * What was done.
   *
   * @param secret its name
   * @param namespace where it is
   * @param made the keys that were created, never their values
   * @param set the roles whose password was set in the database
   */
  public record Result(String secret, String namespace, List<String> made, List<String> set) {
    /** Whether nothing had to change. */
    public boolean nothingDone() {
      return made.isEmpty() && set.isEmpty();
    }
  }

  /**
   * Repairs both; without an installed release there is no pod, so only the Secret is repaired.
   *
   * @throws Failure 10 if the database is external or nobody confirms, 5 if passwords are not
   *     accepted after they were set
   */
  public Result run() {
    if (release.filter(found -> found.credentialsSecret().isAdminForeign()).isPresent()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "CloudNativePG keeps the superuser's password, with which every run sets all others")
          .state("nothing was changed")
          .next(
              "run the same helm upgrade again: it creates what Secret %s lacks, and sets it in the database"
                  .formatted(CredentialsSecret.ofRelease(name)));
    }
    if (release.filter(found -> found.statefulSet().isEmpty()).isPresent()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "the database is external, so the release does not manage its passwords")
          .state("nothing was changed")
          .next("set the roles' passwords there: ALTER ROLE ... PASSWORD ...");
    }
    String secret =
        release
            .map(found -> found.credentialsSecret().name())
            .or(() -> named)
            .orElse(CredentialsSecret.ofRelease(name));
    List<String> made =
        release.map(Release::ownsCredentials).orElse(true) ? complete(secret) : List.of();
    List<String> set = release.map(found -> set(secret, found)).orElse(List.of());
    return new Result(secret, namespace, made, set);
  }

  /** Creates the missing keys; services keep the password that they already have. */
  private List<String> complete(String secret) {
    CredentialsSecret credentials =
        new CredentialsSecret(
            api,
            namespace,
            name,
            secret,
            "",
            true,
            release.map(Release::services).orElse(List.of()).stream().map(Service::name).toList());
    List<String> missing = credentials.missing();
    if (missing.isEmpty()) {
      return List.of();
    }
    confirmation.confirm(
        "Secret %s in namespace %s lacks %s: new passwords will be created and set in the database."
            .formatted(secret, namespace, String.join(", ", missing)));
    return credentials.complete(
        release.map(found -> found.publishedPasswords(api)).orElse(Map.of()));
  }

  /** Sets the passwords that the database does not accept; returns the roles. */
  private List<String> set(String secret, Release installed) {
    DatabaseAccess opened = access.get();
    boolean ruleLeft = isRuleLeft(opened);
    Map<String, Password> wrong = wrong(opened, next(installed));
    if (wrong.isEmpty() && !ruleLeft) {
      return List.of();
    }
    String statefulSet = installed.statefulSet().orElseThrow();
    String roles = String.join(", ", wrong.keySet());
    confirmation.confirm(
        "In the database of StatefulSet %s in namespace %s %s."
            .formatted(
                statefulSet,
                namespace,
                wrong.isEmpty()
                    ? "the rule of an interrupted repair will be removed"
                    : "the passwords of %s will be set to those of Secret %s"
                        .formatted(roles, secret)));
    progress.line("repair", "in pod %s-0: %s".formatted(statefulSet, roles));
    List<String> answer;
    String what = "in pod %s-0".formatted(statefulSet);
    try (var _ = Ongoing.begin(progress, "repair", what, PasswordRepair.MOST)) {
      answer = reset(opened.target(), statefulSet, wrong);
    }
    answer.forEach(line -> progress.line("repair", line));
    wrong.keySet().removeIf(role -> !answer.contains(PasswordReset.SET + role));
    List<String> refused =
        wrong.entrySet().stream()
            .filter(entry -> !opened.accepts(entry.getKey(), entry.getValue()))
            .map(Map.Entry::getKey)
            .toList();
    if (!refused.isEmpty()) {
      throw Failure.of(
              ExitCode.CREDENTIALS_REFUSED,
              "the passwords of %s were set, but the database does not accept them"
                  .formatted(String.join(", ", refused)))
          .next("find out why: kubectl -n %s logs %s-0".formatted(namespace, statefulSet));
    }
    return List.copyOf(wrong.keySet());
  }

  private List<String> reset(Target target, String statefulSet, Map<String, Password> passwords) {
    String admin =
        target
            .admin()
            .map(AdminSessions.Credentials::user)
            .orElseThrow(() -> new IllegalStateException("a database of our own has an admin"));
    return new PasswordRepair(api, namespace, statefulSet)
        .run(
            admin,
            DatabaseAddress.MAINTENANCE_DATABASE,
            PasswordReset.sql(target.names().owner(), target.owner().database(), passwords));
  }

  /**
   * The passwords that the database does not accept, by role.
   *
   * @param next those of an unfinished rotation: if it has reached the database, it continues from
   *     there
   */
  private static Map<String, Password> wrong(DatabaseAccess access, Map<String, Password> next) {
    Map<String, Password> wrong = passwords(access.target());
    wrong
        .entrySet()
        .removeIf(entry -> {
          String role = entry.getKey();
          return access.accepts(role, entry.getValue())
              || (next.containsKey(role)
                  && access.accepts(role, Objects.requireNonNull(next.get(role))));
        });
    return wrong;
  }

  /** Passwords of an unfinished rotation, by role. */
  private Map<String, Password> next(Release installed) {
    if (!installed.ownsCredentials()) {
      return Map.of();
    }
    CredentialsSecret secret = CredentialsSecret.of(api, installed);
    Map<String, Password> pending = secret.pending();
    Map<String, Password> next = new LinkedHashMap<>();
    CredentialsRole.withKeys(pending.keySet(), installed, secret.current())
        .forEach(role -> next.put(role.next(), Objects.requireNonNull(pending.get(role.key()))));
    if (!next.isEmpty()) {
      progress.line(
          "next",
          "a rotation was interrupted; finish it: " + CredentialsSecret.rotation(name, namespace));
    }
    return next;
  }

  private static Map<String, Password> passwords(Target target) {
    Map<String, Password> passwords = new LinkedHashMap<>();
    target
        .admin()
        .ifPresent(
            admin -> admin.password().ifPresent(password -> passwords.put(admin.user(), password)));
    target.password().ifPresent(password -> passwords.put(target.names().owner(), password));
    target.names().current().stream()
        .map(ServiceRole::role)
        .forEach(role ->
            target.servicePassword(role).ifPresent(password -> passwords.put(role, password)));
    return passwords;
  }

  /** Waits for the database; false if the owner, who could check, cannot log in. */
  private static boolean isRuleLeft(DatabaseAccess access) {
    try (Session session = access.ownerSession()) {
      return session.run("repair", PasswordReset::isRuleLeft);
    } catch (Failure failure) {
      if (failure.code() == ExitCode.CREDENTIALS_REFUSED) {
        return false;
      }
      throw failure;
    }
  }
}
