package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * Refuses what the living StatefulSet cannot take, before it is touched: Kubernetes would refuse
 * another volume or another release with a text that names no way, and another major version of
 * PostgreSQL would not start on the old data.
 */
public final class StatefulSetChange {
  /** Stands for the size of a volume that the StatefulSet does not make. */
  public static final String EXISTING = "existing";

  /** Of the object itself; on a StatefulSet Argo CD may write its Application's name over it. */
  private static final String INSTANCE = "/metadata/labels/app.kubernetes.io~1instance";

  /** Never changes; claims get it as their own label. */
  private static final String SELECTED_INSTANCE =
      "/spec/selector/matchLabels/app.kubernetes.io~1instance";

  private static final String IMAGE = "/spec/template/spec/containers/0/image";

  private static final Pattern QUANTITY =
      Pattern.compile("(?<number>\\d+(\\.\\d+)?)(?<unit>[KMGTPE]i|[kMGTPE])?");
  private static final Map<String, BigDecimal> UNITS =
      Map.ofEntries(
          Map.entry("k", BigDecimal.TEN.pow(3)),
          Map.entry("M", BigDecimal.TEN.pow(6)),
          Map.entry("G", BigDecimal.TEN.pow(9)),
          Map.entry("T", BigDecimal.TEN.pow(12)),
          Map.entry("P", BigDecimal.TEN.pow(15)),
          Map.entry("E", BigDecimal.TEN.pow(18)),
          Map.entry("Ki", BigDecimal.TWO.pow(10)),
          Map.entry("Mi", BigDecimal.TWO.pow(20)),
          Map.entry("Gi", BigDecimal.TWO.pow(30)),
          Map.entry("Ti", BigDecimal.TWO.pow(40)),
          Map.entry("Pi", BigDecimal.TWO.pow(50)),
          Map.entry("Ei", BigDecimal.TWO.pow(60)));

  /**
   * What the values request.
   *
   * @param size of the data volume, as Kubernetes writes it; {@link #EXISTING} where it is that of
   *     an existing claim, empty where there shall be none
   * @param image of PostgreSQL, with its tag beside a digest too; empty if that is not checked
   * @param start who starts PostgreSQL in it; empty if that is not checked
   * @param acceptedStart whom the values name as the one that starts it on the same volume from now
   *     on; empty for whoever does now
   */
  public record Wanted(
      String size,
      String image,
      Optional<ServerStart> start,
      Optional<ServerStart> acceptedStart) {}

  private final KubernetesApi api;
  private final String namespace;
  private final String name;
  private final Optional<JsonNode> found;

  /** The StatefulSet as it is, which may not be there. */
  public StatefulSetChange(KubernetesApi api, String namespace, String name) {
    this.api = api;
    this.namespace = namespace;
    this.name = name;
    this.found = api.get(Kind.STATEFUL_SET, namespace, name);
  }

  /**
   * Continues only if the database is not that of a release with another name. Where the
   * StatefulSet is gone, its volume tells.
   *
   * @throws Failure 10 that names both
   */
  public void checkRelease(String release) {
    String other =
        found
            .or(() -> api.get(Kind.CLAIM, namespace, "data-" + name + "-0"))
            .map(object -> object.at(found.isPresent() ? SELECTED_INSTANCE : INSTANCE).asText())
            .orElse("");
    if (other.isEmpty() || other.equals(release)) {
      return;
    }
    throw Failure.of(
            ExitCode.REFUSED,
            "this release is %s, but the database in this namespace is that of release %s"
                .formatted(release, other))
        .where(
            "%s in namespace %s"
                .formatted(
                    found.isPresent() ? this : "PersistentVolumeClaim data-%s-0".formatted(name),
                    namespace))
        .state(
            found.isPresent()
                ? "nothing was changed, the database keeps running"
                : "nothing was changed")
        .next(
            ("restore the release's name (Argo CD: spec.source.helm.releaseName: %1$s; Flux:"
                    + " spec.releaseName: %1$s), or rename it as docs/how-to/rename.md says")
                .formatted(other));
  }

  /**
   * Continues only if neither it nor one of the volumes with the data is about to go.
   *
   * @param named names of claims that may hold them, besides those with the release's labels
   * @param retired names of claims that do not count
   * @throws Failure 10 that names what is being deleted, and what holds it
   */
  public void checkDeletion(String release, List<String> named, List<String> retired) {
    Deletion deletion = new Deletion(api, namespace);
    deletion.refuse(Kind.STATEFUL_SET, found, "which runs the database");
    List<JsonNode> going =
        new DataClaims(api, namespace, release, name, named, retired)
            .all().stream().filter(Deletion::isUnderWay).toList();
    if (!going.isEmpty()) {
      String claims = going.stream().map(DataClaims::name).collect(Collectors.joining(" "));
      String holders =
          going.stream()
              .map(claim ->
                  "%s by %s"
                      .formatted(
                          DataClaims.name(claim),
                          deletion.holders(claim, Optional.of(name + "-0"), Optional.empty())))
              .collect(Collectors.joining("; "));
      throw Failure.of(
              ExitCode.REFUSED,
              "the database's volume is being deleted: PersistentVolumeClaim " + claims)
          .where("namespace %s; held: %s".formatted(namespace, holders))
          .state(
              "nothing was changed; the data are there until no pod uses the volume, and a new pod"
                  + " would wait for it")
          .next(
              ("if you need the data, and pod %3$s-0 runs: learnflow-db backup learnflow.dump"
                      + " --release %2$s --namespace %1$s; what holds the volume stands under Used"
                      + " By: kubectl -n %1$s describe pvc %4$s; when it is gone, the same command"
                      + " again")
                  .formatted(namespace, release, name, claims));
    }
  }

  /**
   * Continues only if the change is possible.
   *
   * @throws Failure 10 that names the page with the way
   */
  public void check(String release, Wanted wanted) {
    if (found.isEmpty()) {
      return;
    }
    String size = wanted.size();
    String living = size(found.get());
    if (living.isEmpty() != size.isEmpty()) {
      throw refused(
          size.isEmpty()
              ? "the values want no volume, but %s has one%s".formatted(this, of(living))
              : "the values want a volume%s, but %s has none".formatted(of(size), this),
          "restore postgresql.primary.persistence.enabled; how to move the data into a release with a volume: docs/how-to/dev-to-prod.md");
    }
    if (size.equals(EXISTING) != living.equals(EXISTING)) {
      throw refused(
          "the values want %s volume, but that of %s is %s"
              .formatted(
                  size.equals(EXISTING) ? "an existing" : "a new",
                  this,
                  living.equals(EXISTING) ? "an existing one" : "its own"),
          "restore postgresql.primary.persistence.existingClaim; how to move the data into a release with another volume: docs/how-to/dev-to-prod.md");
    }
    if (!size.isEmpty() && !size.equals(EXISTING) && bytes(size).compareTo(bytes(living)) != 0) {
      throw refused(
          "the values want a volume of %s, but that of %s has %s".formatted(size, this, living),
          bytes(size).compareTo(bytes(living)) < 0
              ? "restore postgresql.primary.persistence.size: volumes do not shrink"
              : "enlarge the claim first: docs/how-to/volume.md");
    }
    if (!size.isEmpty()) {
      checkMajor(release, PostgresImage.of(wanted.image()));
      checkStart(found.get(), wanted);
    }
  }

  /** Refuses only what is known: an image whose tag does not say its version may be any. */
  private void checkMajor(String release, PostgresImage wanted) {
    PostgresImage living = PostgresImage.of(found.orElseThrow().at(IMAGE).asText());
    Optional<String> old = living.major().or(() -> recordedMajor(release, living));
    if (wanted.sameAs(living) || old.isEmpty() || wanted.major().isEmpty()) {
      return;
    }
    if (!old.equals(wanted.major())) {
      throw refused(
          "the values want PostgreSQL %s, which does not start on the data of PostgreSQL %s"
              .formatted(wanted.major().get(), old.get()),
          "restore postgresql.image.tag%s; how to change the major version: docs/how-to/major-upgrade.md"
              .formatted(
                  wanted.digest().isEmpty()
                      ? ""
                      : ", which has to name the version of postgresql.image.digest"));
    }
  }

  /** Another start usually is another image, with another C library: indexes may need a rebuild. */
  private void checkStart(JsonNode living, Wanted wanted) {
    ServerStart now = ServerStart.of(living);
    wanted
        .start()
        .filter(start -> start != now && !wanted.acceptedStart().equals(Optional.of(start)))
        .ifPresent(start -> {
          throw refused(
              "the values want PostgreSQL started by %s, from %s, but that of %s is started by %s, from %s"
                  .formatted(
                      start.who(), wanted.image(), this, now.who(), living.at(IMAGE).asText()),
              "to stay as it is, %s; to change it on the same volume, do what docs/how-to/official-image.md says, and set postgresql.image.acceptStart=%s"
                  .formatted(now.stay(), start));
        });
  }

  /** The subchart names an image with a digest without its tag; the release's ConfigMap has it. */
  private Optional<String> recordedMajor(String release, PostgresImage living) {
    return api.get(Kind.CONFIG_MAP, namespace, release + "-release")
        .map(map -> PostgresImage.of(map.at("/data/postgresql-image").asText()))
        .filter(living::sameAs)
        .flatMap(PostgresImage::major);
  }

  private Failure refused(String what, String next) {
    return Failure.of(ExitCode.REFUSED, what)
        .where("%s in namespace %s".formatted(this, namespace))
        .state("nothing was changed, the database keeps running")
        .next(next);
  }

  private static String of(String size) {
    return size.equals(EXISTING) ? "" : " of " + size;
  }

  private static String size(JsonNode statefulSet) {
    String data = dataVolume(statefulSet);
    return statefulSet
        .at("/spec/volumeClaimTemplates")
        .valueStream()
        .filter(claim -> claim.at("/metadata/name").asText().equals(data))
        .map(claim -> claim.at("/spec/resources/requests/storage").asText())
        .findFirst()
        .orElseGet(() ->
            statefulSet
                    .at("/spec/template/spec/volumes")
                    .valueStream()
                    .filter(volume -> volume.path("name").asText().equals(data))
                    .anyMatch(volume -> volume.has("persistentVolumeClaim"))
                ? EXISTING
                : "");
  }

  /** Name of the volume that PGDATA is in. */
  private static String dataVolume(JsonNode statefulSet) {
    JsonNode container = statefulSet.at("/spec/template/spec/containers/0");
    String directory =
        container
            .path("env")
            .valueStream()
            .filter(variable -> variable.path("name").asText().equals("PGDATA"))
            .map(variable -> variable.path("value").asText())
            .findFirst()
            .orElse("");
    return container
        .path("volumeMounts")
        .valueStream()
        .filter(mount -> (directory + "/").startsWith(mount.path("mountPath").asText() + "/"))
        .max(Comparator.comparingInt(mount -> mount.path("mountPath").asText().length()))
        .map(mount -> mount.path("name").asText())
        .orElse("data");
  }

  private static BigDecimal bytes(String quantity) {
    Matcher matcher = QUANTITY.matcher(quantity);
    if (!matcher.matches()) {
      throw Failure.of(ExitCode.USAGE, quantity + " is not a valid size").next("give it like 10Gi");
    }
    BigDecimal number = new BigDecimal(matcher.group("number"));
    return Optional.ofNullable(matcher.group("unit"))
        .flatMap(unit -> Optional.ofNullable(UNITS.get(unit)))
        .map(number::multiply)
        .orElse(number);
  }

  @Override
  public String toString() {
    return "StatefulSet " + name;
  }
}
