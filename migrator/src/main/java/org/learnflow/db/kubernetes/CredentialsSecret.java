package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.PasswordDirectory;

/**
 * The Secret with the release's passwords. Made once, so that two makers cannot overwrite each
 * other; it has no owner and stays with the data volume, whose passwords it holds.
 */
public final class CredentialsSecret {
  /** Password of the superuser. */
  public static final String ADMIN_KEY = "postgres-password";

  /** Password of the owner role. */
  public static final String OWNER_KEY = "password";

  /** Password of the services' role. */
  public static final String SERVICE_KEY = "app-password";

  /** What the name of a key ends with that holds a password which is not in force yet. */
  private static final String NEXT = "-next";

  private static final List<String> KEYS = List.of(ADMIN_KEY, OWNER_KEY, SERVICE_KEY);

  /** Who changed it in the meantime is done soon. */
  private static final int ATTEMPTS = 5;

  private final KubernetesApi api;
  private final String namespace;
  private final String release;
  private final String name;
  private final String statefulSet;

  /**
   * A Secret.
   *
   * @param release name R of the release
   * @param name of the Secret
   * @param statefulSet whose volumes hold the data, besides those with the release's labels; empty
   *     if it is not known
   */
  public CredentialsSecret(
      KubernetesApi api, String namespace, String release, String name, String statefulSet) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
    this.name = name;
    this.statefulSet = statefulSet;
  }

  /** The Secret of an installed release. */
  public static CredentialsSecret of(KubernetesApi api, Release release) {
    return new CredentialsSecret(
        api,
        release.namespace(),
        release.name(),
        release.credentialsSecret().name(),
        release.statefulSet().orElse(""));
  }

  /**
   * Makes what is missing and can be made without locking the data in.
   *
   * @param named names of claims that may hold the data, besides those with the release's labels
   * @param retired names of claims whose data are not wanted any more
   * @return the keys that were made; none where all were there
   * @throws Failure 10 where the data volume belongs to passwords that are lost, or the Secret is
   *     being deleted, 3 where the namespace is not there
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
   * Makes what is missing, whether or not there is data: for who sets the database's passwords
   * afterwards.
   *
   * @param known passwords to take instead of new ones, by key
   * @return the keys that were made; none where all were there
   */
  public List<String> complete(Map<String, Password> known) {
    return make(known, (_, _) -> {});
  }

  /** The keys that are missing; all of them where the Secret is. */
  public List<String> missing() {
    return api.get(Kind.SECRET, namespace, name).map(CredentialsSecret::missingKeys).orElse(KEYS);
  }

  private List<String> make(
      Map<String, Password> known, BiConsumer<Optional<JsonNode>, List<String>> check) {
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
      Optional<JsonNode> found = api.get(Kind.SECRET, namespace, name);
      found.filter(Deletion::isUnderWay).ifPresent(this::refuse);
      List<String> missing = found.map(CredentialsSecret::missingKeys).orElse(KEYS);
      if (missing.isEmpty()) {
        return List.of();
      }
      check.accept(found, missing);
      ObjectNode wanted = found.<ObjectNode>map(JsonNode::deepCopy).orElseGet(this::empty);
      ObjectNode data = wanted.withObjectProperty("data");
      missing.forEach(key -> {
        Password password =
            Optional.ofNullable(known.get(key)).orElseGet(PasswordDirectory::generate);
        data.put(key, encoded(password.value()));
      });
      boolean done =
          (found.isEmpty()
                  ? api.make(Kind.SECRET, namespace, wanted)
                  : api.replace(Kind.SECRET, namespace, wanted))
              .isPresent();
      if (done) {
        return missing;
      }
    }
    throw changesAllTheTime();
  }

  /** One that is being deleted: its passwords are needed, and go with it. */
  private void refuse(JsonNode secret) {
    throw Failure.of(ExitCode.REFUSED, "%s, with the passwords, is being deleted".formatted(this))
        .where("namespace %s; held by %s".formatted(namespace, Deletion.holders(secret)))
        .state("nothing was changed; the passwords are there until it is gone")
        .next(
            ("keep them: kubectl -n %1$s get secret %2$s -o yaml > %2$s.yaml; take its finalizers"
                    + " off, which lets it go: kubectl -n %1$s patch secret %2$s --type merge -p"
                    + " '{\"metadata\":{\"finalizers\":null}}'; put it back from the file, without"
                    + " uid, resourceVersion and deletionTimestamp; and the same command again")
                .formatted(namespace, name));
  }

  private Failure changesAllTheTime() {
    return Failure.of(ExitCode.FAILED, "%s changes all the time".formatted(this))
        .state("nothing was changed by this command")
        .next(
            "see who writes it: kubectl -n %s get secret %s --show-managed-fields -o yaml"
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
    return api.get(Kind.SECRET, namespace, name)
        .orElseThrow(() ->
            Failure.of(ExitCode.FAILED, this + " is not there")
                .where("namespace " + namespace)
                .next(
                    "put it back from a backup; or: learnflow-db credentials repair --release %s"
                            .formatted(release)
                        + " --namespace "
                        + namespace));
  }

  /**
   * Keeps new passwords beside those in force, unless others are there that were not put in force
   * yet: of two at once one makes them, and both go on with the same.
   *
   * @param keys of the passwords to replace
   * @return the next ones by key, as they are in the Secret now
   */
  public Map<String, Password> begin(Collection<String> keys) {
    edit(secret -> {
      if (pending(secret).isEmpty()) {
        ObjectNode data = secret.withObjectProperty("data");
        keys.forEach(key -> data.put(key + NEXT, encoded(PasswordDirectory.generate().value())));
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
              .state("the database has the password that was there before")
              .next(
                  "set it to that of the Secret: learnflow-db credentials repair --release %s"
                          .formatted(release)
                      + " --namespace "
                      + namespace);
        }
      });
    });
  }

  /** Changes the Secret as it is, again where somebody else was faster. */
  private void edit(Consumer<ObjectNode> change) {
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
      JsonNode found = require();
      ObjectNode wanted = found.deepCopy();
      change.accept(wanted);
      if (wanted.equals(found) || api.replace(Kind.SECRET, namespace, wanted).isPresent()) {
        return;
      }
    }
    throw changesAllTheTime();
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

  /** As they are read from files: a line end after them is no part of them. */
  private static Map<String, Password> passwords(JsonNode secret) {
    Map<String, Password> passwords = new TreeMap<>();
    values(secret)
        .forEach((key, value) -> {
          String text = value.replaceFirst("\\r?\\n\\z", "");
          if (!text.isEmpty()) {
            passwords.put(key, new Password(text));
          }
        });
    return passwords;
  }

  /**
   * What is said of a rotation of a release that was begun and not finished, where there is one.
   */
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

  /** Keys that are not there or empty. */
  static List<String> missingKeys(JsonNode secret) {
    return KEYS.stream().filter(key -> secret.path("data").path(key).asText().isEmpty()).toList();
  }

  private void refuseIfThereIsData(DataClaims claims) {
    List<String> found = claims.withData().stream().map(DataClaims::name).toList();
    if (!found.isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "%s is gone, but its data volume is there: PersistentVolumeClaim %s"
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

  /** The services' password is set anew by the roles step; the others open the existing data. */
  private void refuseIfPasswordsAreInUse(List<String> missing, DataClaims claims) {
    List<String> inUse = missing.stream().filter(key -> !key.equals(SERVICE_KEY)).toList();
    if (inUse.isEmpty()) {
      return;
    }
    List<String> found = claims.withData().stream().map(DataClaims::name).toList();
    if (!found.isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "%s lacks %s, and its data volume is there: PersistentVolumeClaim %s"
                  .formatted(this, String.join(" and ", inUse), String.join(", ", found)))
          .where("namespace " + namespace)
          .state("nothing was changed; a new password would not open the old data")
          .next(
              """
              put the key back with the password that the database knows; or set new passwords in \
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

  private static String encoded(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public String toString() {
    return "Secret " + name;
  }

  /** All of its values, decoded. */
  static Map<String, String> values(JsonNode secret) {
    Map<String, String> values = new TreeMap<>();
    secret
        .path("data")
        .properties()
        .forEach(entry ->
            values.put(
                entry.getKey(),
                new String(
                    Base64.getDecoder().decode(entry.getValue().asText()),
                    StandardCharsets.UTF_8)));
    return values;
  }
}
