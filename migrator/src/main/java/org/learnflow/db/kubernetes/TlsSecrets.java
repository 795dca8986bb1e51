package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.certificates.Authorities;
import org.learnflow.db.certificates.Pair;

/**
 * The two Secrets with which the server speaks TLS: its certificate, which its pod mounts, and the
 * authority that signs it, which no pod mounts. They are created and kept as {@link
 * CredentialsSecret} is: they belong to no release and stay with the volume. Each write is one call
 * that fails if another was faster, so a run that is killed anywhere, or several at once, leave
 * Secrets with which the next run continues.
 */
public final class TlsSecrets {
  private static final int ATTEMPTS = 5;

  private static final String CERTIFICATE = "tls.crt";
  private static final String KEY = "tls.key";
  private static final String AUTHORITY = "ca.crt";
  private static final String NEXT_CERTIFICATE = "next.crt";
  private static final String NEXT_KEY = "next.key";
  private static final String PREVIOUS = "previous.crt";
  private static final String SERVER_TYPE = "kubernetes.io/tls";
  private static final String AUTHORITY_TYPE = "Opaque";

  private final KubernetesApi api;
  private final String namespace;
  private final String server;
  private final String authority;

  /**
   * The Secrets.
   *
   * @param server name of the one with the server's certificate
   * @param authority name of the one with the authority
   */
  public TlsSecrets(KubernetesApi api, String namespace, String server, String authority) {
    this.api = api;
    this.namespace = namespace;
    this.server = server;
    this.authority = authority;
  }

  /**
   * Creates what is missing and renews what is due.
   *
   * @param names under which clients reach the server; if empty, those of the existing certificate
   * @param rotate whether to begin a rotation of the authority, or to continue it without waiting
   * @param now the time
   * @return what was done, a line each; none if all was up to date
   * @throws Failure 10 if a Secret is being deleted, or its content is not ours to replace
   */
  public List<String> ensure(Collection<String> names, boolean rotate, Instant now) {
    List<String> done = new ArrayList<>();
    boolean requested = rotate;
    boolean atOnce = false;
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
      Found found = find(now);
      if (requested) {
        found
            .before()
            .flatMap(before -> before.rotating(found.pair()))
            .ifPresent(since -> refuseTooSoon(since, now));
        atOnce |= found.before().filter(before -> before.isUnfinished(found.pair())).isPresent();
      }
      Authorities after = found.step(requested, now);
      if (found.before().filter(after::equals).isEmpty()) {
        requested = false; // if another one was faster, it did what was requested
        if (!write(authority, AUTHORITY_TYPE, found.authority(), values(after))) {
          continue;
        }
        atOnce |= found.promotes(after);
        done.add(found.before().map(_ -> rotated(found, after)).orElse("created " + authority));
      }
      Optional<Pair> issued = issued(after, found.pair(), names, atOnce, now);
      Map<String, String> wanted = new TreeMap<>();
      issued
          .or(found::pair)
          .ifPresent(last -> {
            wanted.put(CERTIFICATE, last.certificate());
            wanted.put(KEY, last.key());
          });
      wanted.put(AUTHORITY, after.bundle());
      if (wanted.equals(found.values())) {
        return List.copyOf(done);
      }
      if (write(server, SERVER_TYPE, found.server(), wanted)) {
        done.add(
            found.server().isEmpty()
                ? "created " + server
                : (issued.isPresent() ? "renewed " : "updated ca.crt of ") + server);
        return List.copyOf(done);
      }
    }
    throw changesAllTheTime();
  }

  /**
   * Both Secrets as they were found.
   *
   * @param values of the one with the server's certificate
   * @param before the authorities in the other one
   */
  private record Found(
      Optional<JsonNode> authority,
      Optional<JsonNode> server,
      Map<String, String> values,
      Optional<Authorities> before) {
    Optional<Pair> pair() {
      return TlsSecrets.pair(values, CERTIFICATE, KEY);
    }

    Authorities step(boolean requested, Instant now) {
      Optional<String> bundle = Optional.ofNullable(values.get(AUTHORITY));
      return before
          .map(found -> {
            Authorities known = found.untilDistributed(pair(), bundle.orElse(""), now);
            return known.equals(found) ? found.step(pair(), requested, now) : known;
          })
          .orElseGet(() -> Authorities.create(bundle, now));
    }

    /** Whether the next authority becomes the one that signs. */
    boolean promotes(Authorities after) {
      return before.flatMap(Authorities::next).filter(after.current()::equals).isPresent();
    }
  }

  private Found find(Instant now) {
    Optional<JsonNode> foundAuthority = read(authority);
    Optional<JsonNode> foundServer = read(server);
    foundServer.ifPresent(this::refuseAnotherType);
    Optional<Authorities> before =
        foundAuthority.map(SecretData::decode).map(TlsSecrets::authorities);
    if (before.filter(found -> !found.usable(now)).isPresent()) {
      throw unusable();
    }
    return new Found(
        foundAuthority, foundServer, foundServer.map(SecretData::decode).orElse(Map.of()), before);
  }

  /** A new certificate, if the server needs one. */
  private static Optional<Pair> issued(
      Authorities authorities,
      Optional<Pair> pair,
      Collection<String> names,
      boolean atOnce,
      Instant now) {
    Collection<String> wanted =
        names.isEmpty() ? pair.map(Authorities::names).orElse(List.of()) : names;
    if (pair.isPresent() && authorities.flaw(pair.get(), wanted, atOnce, now).isEmpty()) {
      return Optional.empty();
    }
    if (wanted.isEmpty()) {
      throw Failure.of(ExitCode.USAGE, "the names of the server's certificate are unknown")
          .state("the server's certificate was not changed")
          .next("specify them: --tls-name NAME, repeated or separated by commas");
    }
    return Optional.of(authorities.issue(wanted, now));
  }

  private String rotated(Found found, Authorities after) {
    if (found.promotes(after)) {
      return "the next authority in %s signs from now on; both are trusted".formatted(authority);
    }
    if (!after.next().equals(found.before().flatMap(Authorities::next))) {
      return "created the next authority in %s; both are trusted".formatted(authority);
    }
    return found.before().map(Authorities::current).filter(after.current()::equals).isPresent()
        ? "the previous authority in %s is no longer trusted".formatted(authority)
        : "created " + authority + " again";
  }

  /** An authority must not sign before clients know it, even if the same command runs twice. */
  private void refuseTooSoon(Instant since, Instant now) {
    Instant earliest = since.plus(Authorities.DISTRIBUTION);
    if (now.isBefore(earliest)) {
      throw Failure.of(
              ExitCode.REFUSED,
              "the next authority was created less than %d minutes ago"
                  .formatted(Authorities.DISTRIBUTION.toMinutes()))
          .where("Secret %s in namespace %s".formatted(authority, namespace))
          .state("nothing was changed; ca.crt contains both authorities")
          .next(
              "wait until all services have loaded ca.crt, and run the same command again after "
                  + earliest.truncatedTo(ChronoUnit.SECONDS));
    }
  }

  private Optional<JsonNode> read(String name) {
    Optional<JsonNode> found = api.get(Kind.SECRET, namespace, name);
    found
        .filter(Deletion::isUnderWay)
        .ifPresent(secret -> {
          throw Failure.of(ExitCode.REFUSED, "Secret %s is being deleted".formatted(name))
              .where("namespace %s; held by %s".formatted(namespace, Deletion.holders(secret)))
              .state("nothing was changed; the server keeps its certificate")
              .next("remove what holds it, and run the same command again: it creates another one");
        });
    return found;
  }

  private boolean write(
      String name, String type, Optional<JsonNode> found, Map<String, String> values) {
    ObjectNode secret =
        found
            .<ObjectNode>map(JsonNode::deepCopy)
            .orElseGet(() -> {
              ObjectNode empty =
                  KubernetesApi.object()
                      .put("apiVersion", "v1")
                      .put("kind", "Secret")
                      .put("type", type);
              ObjectNode labels =
                  empty
                      .putObject("metadata")
                      .put("name", name)
                      .put("namespace", namespace)
                      .putObject("labels");
              KubernetesTarget.LABELS.forEach(labels::put);
              return empty;
            });
    ObjectNode data = secret.putObject("data");
    values.forEach((key, value) -> data.put(key, SecretData.encode(value)));
    return (found.isEmpty()
            ? api.make(Kind.SECRET, namespace, secret)
            : api.replace(Kind.SECRET, namespace, secret))
        .isPresent();
  }

  /** Somebody else's, such as one of cert-manager, has another type or other keys. */
  private void refuseAnotherType(JsonNode secret) {
    String manager = secret.at("/metadata/labels").path("app.kubernetes.io/managed-by").asText();
    if (!secret.path("type").asText().equals(SERVER_TYPE)
        || !manager.equals(KubernetesTarget.LABELS.get("app.kubernetes.io/managed-by"))) {
      throw Failure.of(ExitCode.REFUSED, "Secret %s is somebody else's".formatted(server))
          .where("namespace " + namespace)
          .state("nothing was changed")
          .next(
              "use it as it is: set postgresql.serverTls.existingSecret=%1$s; or, if nobody needs it: kubectl -n %2$s delete secret %1$s; then run the same command again"
                  .formatted(server, namespace));
    }
  }

  private Failure unusable() {
    return Failure.of(
            ExitCode.REFUSED, "Secret %s does not contain a usable authority".formatted(authority))
        .where(
            "namespace %s; it needs tls.crt and tls.key that fit and are valid"
                .formatted(namespace))
        .state("nothing was changed; the server keeps its certificate")
        .next(
            "restore it from a backup; or delete it: kubectl -n %s delete secret %s; then run the same command again, and restart services that have loaded ca.crt"
                .formatted(namespace, authority));
  }

  private Failure changesAllTheTime() {
    return Failure.of(
            ExitCode.FAILED, "Secrets %s and %s keep changing".formatted(server, authority))
        .state("the server has a certificate if Secret %s exists".formatted(server))
        .next(
            "find out who writes them: kubectl -n %s get secret %s --show-managed-fields -o yaml"
                .formatted(namespace, server));
  }

  private static Optional<Pair> pair(Map<String, String> values, String certificate, String key) {
    String text = values.getOrDefault(certificate, "");
    return text.isEmpty()
        ? Optional.empty()
        : Optional.of(new Pair(text, values.getOrDefault(key, "")));
  }

  private static Authorities authorities(Map<String, String> values) {
    return new Authorities(
        pair(values, CERTIFICATE, KEY).orElse(new Pair("", "")),
        pair(values, NEXT_CERTIFICATE, NEXT_KEY),
        Optional.ofNullable(values.get(PREVIOUS)));
  }

  private static Map<String, String> values(Authorities authorities) {
    Map<String, String> values = new TreeMap<>();
    values.put(CERTIFICATE, authorities.current().certificate());
    values.put(KEY, authorities.current().key());
    authorities
        .next()
        .ifPresent(next -> {
          values.put(NEXT_CERTIFICATE, next.certificate());
          values.put(NEXT_KEY, next.key());
        });
    authorities.previous().ifPresent(previous -> values.put(PREVIOUS, previous));
    return values;
  }
}
