package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.PasswordRepair;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.roles.PasswordReset;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Brings the database's passwords and the Secret together again. */
@Command(
    name = "repair",
    description =
        "Sets the database's passwords to those of the release's Secret, from inside the pod and"
            + " without a restart: for a volume that is older than the Secret, and for a lost Secret,"
            + " whose keys are made anew. Asks first.")
final class CredentialsRepairCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();

  @Option(
      names = "--credentials-secret",
      paramLabel = "NAME",
      description =
          "The Secret, where the release is not installed (default: RELEASE-credentials).")
  private @Nullable String secret;

  /**
   * What repair did.
   *
   * @param secret its name
   * @param namespace where it is
   * @param made the keys that were made, never their values
   * @param set the roles whose password was set in the database
   */
  record Repaired(String secret, String namespace, List<String> made, List<String> set) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    if (database.isNamed() || cluster().namedRelease().isEmpty()) {
      throw Failure.of(ExitCode.USAGE, "only a release is repaired")
          .state("nothing was changed")
          .next("name it: --release NAME --namespace NS");
    }
    Optional<Release> release = release();
    if (release.filter(found -> found.statefulSet().isEmpty()).isPresent()) {
      throw Failure.of(ExitCode.REFUSED, "the database is not the release's own, but external")
          .state("nothing was changed")
          .next("set the roles' passwords there: ALTER ROLE ... PASSWORD ...");
    }
    String name =
        release
            .map(found -> found.credentialsSecret().name())
            .orElseGet(() ->
                Optional.ofNullable(secret)
                    .orElse(CredentialsSecret.ofRelease(cluster().release())));
    List<String> made =
        release.map(Release::ownsCredentials).orElse(true)
            ? completeSecret(name, release)
            : List.of();
    if (release.isEmpty()) {
      return notInstalled(name, made, progress);
    }
    List<String> set = set(name, release.get().statefulSet().orElseThrow(), progress);
    boolean nothingDone = set.isEmpty() && made.isEmpty();
    String text = "the database's passwords are those of Secret " + name;
    if (!nothingDone) {
      progress.line(
          "next",
          "publish them: learnflow-db run --release %s --namespace %s"
              .formatted(cluster().release(), cluster().namespace()));
    }
    print(
        nothingDone ? "nothing to do: " + text : text,
        new Repaired(name, cluster().namespace(), made, set));
    return ExitCode.OK;
  }

  private Optional<Release> release() {
    try {
      return database.release(cluster());
    } catch (Failure failure) {
      if (failure.code() == ExitCode.NOT_DEPLOYED) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  /** Makes the keys that are missing; services keep the password that they already have. */
  private List<String> completeSecret(String name, Optional<Release> release) {
    CredentialsSecret credentials =
        new CredentialsSecret(
            cluster().api(), cluster().namespace(), cluster().release(), name, "");
    List<String> missing = credentials.missing();
    if (missing.isEmpty()) {
      return List.of();
    }
    confirmation.confirm(
        "Secret %s in namespace %s lacks %s: new passwords are made and set in the database."
            .formatted(name, cluster().namespace(), String.join(", ", missing)));
    Map<String, Password> known = new LinkedHashMap<>();
    release
        .flatMap(found -> found.publishedPassword(cluster().api()))
        .ifPresent(password -> known.put(CredentialsSecret.SERVICE_KEY, password));
    return credentials.complete(known);
  }

  /** Without a release there is no pod; with the Secret the release can be installed. */
  private ExitCode notInstalled(String name, List<String> made, ConsoleProgress progress) {
    progress.line(
        "next",
        "install the release; one of its Jobs ends with exit code 5, since the volume has other"
            + " passwords; then run this command again");
    print(
        "release %s is not installed; Secret %s: %s"
            .formatted(
                cluster().release(),
                name,
                made.isEmpty() ? "complete" : "made " + String.join(", ", made)),
        new Repaired(name, cluster().namespace(), made, List.of()));
    return ExitCode.OK;
  }

  /** Sets the passwords that the database does not accept; the roles that it set. */
  private List<String> set(String name, String statefulSet, ConsoleProgress progress) {
    DatabaseAccess access = database.access(cluster(), false, progress);
    boolean ruleLeft = isRuleLeft(access);
    Map<String, Password> wrong = new LinkedHashMap<>();
    Map<String, Password> next = next();
    if (!next.isEmpty()) {
      progress.line(
          "next",
          "a rotation was interrupted; finish it: "
              + CredentialsSecret.rotation(cluster().release(), cluster().namespace()));
    }
    passwords(access.target()).entrySet().stream()
        .filter(entry -> !access.accepts(entry.getKey(), entry.getValue()))
        // The rotation has reached the database, and goes on from there.
        .filter(entry ->
            !next.containsKey(entry.getKey())
                || !access.accepts(
                    entry.getKey(), Objects.requireNonNull(next.get(entry.getKey()))))
        .forEach(entry -> wrong.put(entry.getKey(), entry.getValue()));
    if (wrong.isEmpty() && !ruleLeft) {
      return List.of();
    }
    String roles = String.join(", ", wrong.keySet());
    confirmation.confirm(
        "In the database of StatefulSet %s in namespace %s %s."
            .formatted(
                statefulSet,
                cluster().namespace(),
                wrong.isEmpty()
                    ? "the rule of an interrupted repair is taken away"
                    : "the passwords of %s are set to those of Secret %s".formatted(roles, name)));
    progress.line("repair", "in pod %s-0: %s".formatted(statefulSet, roles));
    String admin =
        access
            .target()
            .admin()
            .map(AdminSessions.Credentials::user)
            .orElseThrow(() -> new IllegalStateException("a database of our own has an admin"));
    List<String> answer =
        new PasswordRepair(cluster().api(), cluster().namespace(), statefulSet)
            .run(
                admin,
                DatabaseAddress.MAINTENANCE_DATABASE,
                PasswordReset.sql(
                    access.target().names().owner(), access.target().owner().database(), wrong));
    answer.forEach(line -> progress.line("repair", line));
    wrong.keySet().removeIf(role -> !answer.contains(PasswordReset.SET + role));
    List<String> refused =
        wrong.entrySet().stream()
            .filter(entry -> !access.accepts(entry.getKey(), entry.getValue()))
            .map(Map.Entry::getKey)
            .toList();
    if (!refused.isEmpty()) {
      throw Failure.of(
              ExitCode.CREDENTIALS_REFUSED,
              "the passwords of %s were set, but are not accepted"
                  .formatted(String.join(", ", refused)))
          .next("see why: kubectl -n %s logs %s-0".formatted(cluster().namespace(), statefulSet));
    }
    return List.copyOf(wrong.keySet());
  }

  /** Passwords of a rotation that was not finished, by role. */
  private Map<String, Password> next() {
    Map<String, Password> next = new LinkedHashMap<>();
    database
        .release(cluster())
        .filter(Release::ownsCredentials)
        .ifPresent(release -> {
          Map<String, Password> pending = CredentialsSecret.of(cluster().api(), release).pending();
          for (RotatedRole role : RotatedRole.values()) {
            Optional.ofNullable(pending.get(role.key(release)))
                .ifPresent(password -> next.put(role.name(release), password));
          }
        });
    return next;
  }

  private static Map<String, Password> passwords(Target target) {
    Map<String, Password> passwords = new LinkedHashMap<>();
    target
        .admin()
        .ifPresent(
            admin -> admin.password().ifPresent(password -> passwords.put(admin.user(), password)));
    target.password().ifPresent(password -> passwords.put(target.names().owner(), password));
    target
        .servicePassword()
        .ifPresent(password -> passwords.put(target.names().service(), password));
    return passwords;
  }

  /** Waits for the database; false where the owner is not let in, who could tell. */
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
