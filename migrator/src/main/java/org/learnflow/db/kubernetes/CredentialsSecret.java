package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.PasswordDirectory;
import org.learnflow.db.connect.Service;

/**
 * The Secret with the release's passwords. It is created once, so that two runs cannot overwrite
 * each other. It has no owner and stays with the data volume, whose passwords it contains.
 */
public final class CredentialsSecret {
  /** Password of the superuser. */
  public static final String ADMIN_KEY = "postgres-password";

  /** Password of the owner role. */
  public static final String OWNER_KEY = "password";

  /** Password of the service role. */
  public static final String SERVICE_KEY = "app-password";

  /** Suffix of a key that contains a password which is not in force yet. */
  private static final String NEXT = "-next";

  /** The keys whose passwords open the existing data; the roles step sets all others again. */
  private static final Set<String> OPENING = Set.of(ADMIN_KEY, OWNER_KEY);

  /** Who changed it in the meantime is done soon. */
  private static final int ATTEMPTS = 5;

  private final KubernetesApi api;
  private final String namespace;
  private final String release;
  private final String name;
  private final String statefulSet;
  private final List<String> keys;

  /**
   * A Secret.
   *
   * @param release name R of the release
   * @param name of the Secret
   * @param statefulSet whose volumes hold the data, besides those with the release's labels; empty
   *     if it is unknown
   * @param services names of those that have roles of their own
   */
  public CredentialsSecret(
      KubernetesApi api,
      String namespace,
      String release,
      String name,
      String statefulSet,
      boolean admin,
      List<String> services) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
    this.name = name;
    this.statefulSet = statefulSet;
    this.keys =
        Stream.concat(
                Stream.of(ADMIN_KEY, OWNER_KEY, SERVICE_KEY)
                    .filter(key -> admin || !key.equals(ADMIN_KEY)),
                services.stream().map(Service::passwordKey))
            .toList();
  }

  /** The Secret of an installed release. */
  public static CredentialsSecret of(KubernetesApi api, Release release) {
    return new CredentialsSecret(
        api,
        release.namespace(),
        release.name(),
        release.credentialsSecret().name(),
        release.statefulSet().orElse(""),
        !release.credentialsSecret().isAdminForeign(),
        release.services().stream().map(Service::name).toList());
  }

  /**
   * Creates what is missing and can be created without making the data inaccessible.
   *
   * @param named names of claims that may hold the data, besides those with the release's labels
   * @param retired names of claims whose data are no longer needed
   * @return the keys that were created; none if all existed
   * @throws Failure 10 if the data volume belongs to passwords that are lost, or the Secret is
   *     being deleted, 3 if the namespace does not exist
   */
  public List<String> ensure(List<String> named, List<String> retired) {
    DataClaims claims = new DataClaims(api, namespace, release, statefulSet, named, retired);
    return make(
        Map.of(),
        (found, missing) ->
            found.ifPresentOrElse(
                _ -> refuseIfPasswordsAreInUse(missing, claims),
                () -> refuseIfThereIsData(claims)));
  }

  /**
   * Creates what is missing, whether or not there is data: for callers that set the database's
   * passwords afterwards.
   *
   * @param known passwords to take instead of new ones, by key
   * @return the keys that were created; none if all existed
   */
  public List<String> complete(Map<String, Password> known) {
    return make(known, (_, _) -> {});
  }

  /** The missing keys; all of them if the Secret is missing. */
  public List<String> missing() {
    return api.get(Kind.SECRET, namespace, name).map(this::missingKeys).orElse(keys);
  }

  private List<String> make(
      Map<String, Password> known, BiConsumer<Optional<JsonNode>, List<String>> check) {
    return write(found -> {
      found.filter(Deletion::isUnderWay).ifPresent(this::refuse);
      List<String> missing = found.map(this::missingKeys).orElse(keys);
      if (missing.isEmpty()) {
        return new Change(Optional.empty(), missing);
      }
      check.accept(found, missing);
      ObjectNode wanted = found.<ObjectNode>map(JsonNode::deepCopy).orElseGet(this::empty);
      ObjectNode data = wanted.withObjectProperty("data");
      missing.forEach(key -> {
        Password password =
            Optional.ofNullable(known.get(key)).orElseGet(PasswordDirectory::generate);
        data.put(key, SecretData.encode(password.value()));
      });
      return new Change(Optional.of(wanted), missing);
    });
  }

  /**
   * A change of the Secret.
   *
   * @param wanted the whole Secret; empty if nothing is to be written
   * @param keys those that it adds
   */
  private record Change(Optional<ObjectNode> wanted, List<String> keys) {}

  /**
   * Changes the Secret; asks for the change once more if somebody else was faster.
   *
   * @param change for the Secret as it is now, if there is one
   * @return the keys that were added
   */
  private List<String> write(Function<Optional<JsonNode>, Change> change) {
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
      Optional<JsonNode> found = api.get(Kind.SECRET, namespace, name);
      Change next = change.apply(found);
      boolean done =
          next.wanted()
              .map(wanted ->
                  found.isEmpty()
                      ? api.make(Kind.SECRET, namespace, wanted)
                      : api.replace(Kind.SECRET, namespace, wanted))
              .map(Optional::isPresent)
              .orElse(true);
      if (done) {
        return next.keys();
      }
    }
    throw changesAllTheTime();
  }

  /** Refuses a Secret that is being deleted: its passwords are needed and are deleted with it. */
  private void refuse(JsonNode secret) {
    throw Failure.of(ExitCode.REFUSED, "%s, with the passwords, is being deleted".formatted(this))
        .where("namespace %s; held by %s".formatted(namespace, Deletion.holders(secret)))
        .state("nothing was changed; the passwords exist until it is deleted")
        .next(
            ("keep them: kubectl -n %1$s get secret %2$s -o yaml > %2$s.yaml; remove its finalizers, so that it is deleted: kubectl -n %1$s patch secret %2$s --type merge -p"
                    + " '{\"metadata\":{\"finalizers\":null}}'; restore it from the file, without uid, resourceVersion and deletionTimestamp; then run the same command again")
                .formatted(namespace, name));
  }

  private Failure changesAllTheTime() {
    return Failure.of(ExitCode.FAILED, "%s keeps changing".formatted(this))
        .state("nothing was changed by this command")
        .next(
            "find out who writes it: kubectl -n %s get secret %s --show-managed-fields -o yaml"
                .formatted(namespace, name));
  }

  /** Name of a release's own Secret. */
  public static String ofRelease(String release) {
    return release + "-credentials";
  }

  /** Passwords that are being replaced: the next ones by the keys that they are meant for. */
  public Map<String, Password> pending() {
    return api.get(Kind.SECRET, namespace, name).map(CredentialsSecret::pending).orElse(Map.of());
  }

  /** The passwords in force, by key. */
  public Map<String, Password> current() {
    return current(require());
  }

  private JsonNode require() {
    return api.get(Kind.SECRET, namespace, name).orElseThrow(this::missingSecret);
  }

  private Failure missingSecret() {
    return Failure.of(ExitCode.FAILED, this + " does not exist")
        .where("namespace " + namespace)
        .next(
            "restore it from a backup; or: learnflow-db credentials repair --release %s --namespace %s"
                .formatted(release, namespace));
  }

  /**
   * Stores new passwords beside those in force, unless there already are some that are not in force
   * yet: of two concurrent rotations one creates them, and both continue with the same.
   *
   * @param keys of the passwords to replace
   * @param users roles that come in force with them, by key
   * @return the next ones by key, as they are in the Secret now
   */
  public Map<String, Password> begin(Collection<String> keys, Map<String, String> users) {
    edit(secret -> {
      if (pending(secret).isEmpty()) {
        ObjectNode data = secret.withObjectProperty("data");
        keys.forEach(
            key -> data.put(key + NEXT, SecretData.encode(PasswordDirectory.generate().value())));
        users.forEach((key, user) -> data.put(key + NEXT, SecretData.encode(user)));
      }
    });
    return pending();
  }

  /** Puts next passwords in the place of those in force, all in one write. */
  public void finish(Map<String, Password> next) {
    edit(secret -> {
      ObjectNode data = secret.withObjectProperty("data");
      Map<String, Password> pending = pending(secret);
      next.forEach((key, password) -> {
        if (password.equals(pending.get(key))) {
          data.set(key, data.remove(key + NEXT));
        } else if (!password.equals(current(secret).get(key))) {
          throw Failure.of(
                  ExitCode.FAILED, "somebody else changed %s%s of %s".formatted(key, NEXT, this))
              .where("namespace " + namespace)
              .state("the database has the previous password")
              .next(
                  "set it to the one in the Secret: learnflow-db credentials repair --release %s"
                          .formatted(release)
                      + " --namespace "
                      + namespace);
        }
      });
    });
  }

  private void edit(Consumer<ObjectNode> change) {
    write(secret -> {
      JsonNode found = secret.orElseThrow(this::missingSecret);
      ObjectNode wanted = found.deepCopy();
      change.accept(wanted);
      return new Change(wanted.equals(found) ? Optional.empty() : Optional.of(wanted), List.of());
    });
  }

  static Map<String, Password> pending(JsonNode secret) {
    Map<String, Password> pending = new TreeMap<>();
    passwords(secret)
        .forEach((key, password) -> {
          if (key.endsWith(NEXT)) {
            pending.put(key.substring(0, key.length() - NEXT.length()), password);
          }
        });
    return pending;
  }

  static Map<String, Password> current(JsonNode secret) {
    Map<String, Password> current = passwords(secret);
    current.keySet().removeIf(key -> key.endsWith(NEXT));
    return current;
  }

  /** Read as from files: a line end after them does not belong to them. */
  private static Map<String, Password> passwords(JsonNode secret) {
    Map<String, Password> passwords = new TreeMap<>();
    SecretData.decode(secret)
        .forEach((key, value) -> {
          String text = value.replaceFirst("\\r?\\n\\z", "");
          if (!text.isEmpty()) {
            passwords.put(key, new Password(text));
          }
        });
    return passwords;
  }

  /** The message about a release's unfinished rotation, if there is one. */
  public static Optional<String> interruption(KubernetesApi api, Release release) {
    if (!release.ownsCredentials()) {
      return Optional.empty();
    }
    CredentialsSecret secret = of(api, release);
    Set<String> keys = secret.pending().keySet();
    return keys.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "%s; next: %s"
                .formatted(
                    interrupted(secret.name, keys), rotation(release.name(), release.namespace())));
  }

  static String interrupted(String secret, Collection<String> keys) {
    return "a rotation was interrupted: Secret %s has %s"
        .formatted(secret, keys.stream().map(key -> key + NEXT).collect(Collectors.joining(", ")));
  }

  /** The command that rotates, and that finishes a rotation. */
  public static String rotation(String release, String namespace) {
    return "learnflow-db credentials rotate --release %s --namespace %s"
        .formatted(release, namespace);
  }

  /** Keys that are missing or empty. */
  List<String> missingKeys(JsonNode secret) {
    return keys.stream().filter(key -> secret.path("data").path(key).asText().isEmpty()).toList();
  }

  private void refuseIfThereIsData(DataClaims claims) {
    List<String> found = claims.withData().stream().map(DataClaims::name).toList();
    if (!found.isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "%s does not exist, but its data volume does: PersistentVolumeClaim %s"
                  .formatted(this, String.join(", ", found)))
          .where("namespace " + namespace)
          .state("nothing was changed; new passwords would not open the old data")
          .next(
              """
              restore the Secret from a backup; or set new passwords in the database: \
              learnflow-db credentials repair --release %1$s --namespace %2$s; \
              or, to start without the data: kubectl -n %2$s delete pvc %3$s\
              """
                  .formatted(release, namespace, String.join(" ", found)));
    }
  }

  private void refuseIfPasswordsAreInUse(List<String> missing, DataClaims claims) {
    List<String> inUse = missing.stream().filter(OPENING::contains).toList();
    if (inUse.isEmpty()) {
      return;
    }
    List<String> found = claims.withData().stream().map(DataClaims::name).toList();
    if (!found.isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "%s lacks %s, but its data volume exists: PersistentVolumeClaim %s"
                  .formatted(this, String.join(" and ", inUse), String.join(", ", found)))
          .where("namespace " + namespace)
          .state("nothing was changed; a new password would not open the old data")
          .next(
              """
              restore the key with the password that the database accepts; or set new passwords in \
              the database: learnflow-db credentials repair --release %s --namespace %s\
              """
                  .formatted(release, namespace));
    }
  }

  private ObjectNode empty() {
    ObjectNode secret = KubernetesApi.object().put("apiVersion", "v1").put("kind", "Secret");
    ObjectNode labels =
        secret
            .put("type", "Opaque")
            .putObject("metadata")
            .put("name", name)
            .put("namespace", namespace)
            .putObject("labels");
    KubernetesTarget.LABELS.forEach(labels::put);
    return secret;
  }

  @Override
  public String toString() {
    return "Secret " + name;
  }
}
