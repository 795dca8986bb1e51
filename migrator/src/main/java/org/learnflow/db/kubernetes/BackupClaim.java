package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Optional;
import org.learnflow.db.Elapsed;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Pause;

/**
 * The claim of the volume for dumps. It is created once and never changed: an object of the release
 * would be deleted with it, and with {@code --wait} Helm would wait for its volume, which many
 * storage classes create only when the first pod uses it.
 */
public final class BackupClaim {
  /** The controller handles a new claim within a second, or up to five under load. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final Duration POLL = Duration.ofMillis(200);

  /** How the event begins that there is neither a volume nor a StorageClass that makes one. */
  private static final String UNBOUND = "FailedBinding:";

  private final KubernetesApi api;
  private final String namespace;
  private final String release;
  private final String name;

  /** A claim. */
  public BackupClaim(KubernetesApi api, String namespace, String release, String name) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
    this.name = name;
  }

  /**
   * Creates it if it does not exist, and checks that it can get a volume: with the first pod, or
   * immediately.
   *
   * @param size as Kubernetes writes it, such as 10Gi; {@link StatefulSetChange#EXISTING} if
   *     somebody else creates it
   * @param storageClass empty: the cluster's default
   * @return whether it was created
   * @throws Failure 10 if it is being deleted, if somebody else should have created it, or if the
   *     cluster has no volume for it
   */
  public boolean ensure(String size, String storageClass) {
    Optional<JsonNode> found = api.get(Kind.CLAIM, namespace, name);
    if (found.filter(Deletion::isUnderWay).isPresent()) {
      String holders =
          new Deletion(api, namespace)
              .holders(found.get(), Optional.empty(), Optional.of(release + "-migrate"));
      throw Failure.of(
              ExitCode.REFUSED,
              "PersistentVolumeClaim %s for dumps is being deleted".formatted(name))
          .where("namespace %s; held by %s".formatted(namespace, holders))
          .state(
              "it was not changed; its dumps exist until no pod uses it, not even a completed one, and a new pod would wait for it")
          .next(
              ("if you need the dumps, copy them first: docs/how-to/backup.md; then release it:"
                      + " kubectl -n %1$s delete job %2$s-migrate; what else uses it is listed under Used By: kubectl -n %1$s describe pvc %3$s; then run the same command again")
                  .formatted(namespace, release, name));
    }
    if (found.isPresent()) {
      requireVolume(found.get());
      return false;
    }
    if (size.equals(StatefulSetChange.EXISTING)) {
      throw Failure.of(
              ExitCode.REFUSED, "PersistentVolumeClaim %s for dumps does not exist".formatted(name))
          .where("namespace " + namespace)
          .state("nothing was changed")
          .next(
              "create it first; or remove backup.volume.existingClaim from the values, and the release creates one; list existing claims: kubectl -n %s get pvc"
                  .formatted(namespace));
    }
    ObjectNode claim =
        KubernetesApi.object().put("apiVersion", "v1").put("kind", "PersistentVolumeClaim");
    ObjectNode labels =
        claim
            .putObject("metadata")
            .put("name", name)
            .put("namespace", namespace)
            .putObject("labels");
    KubernetesTarget.LABELS.forEach(labels::put);
    ObjectNode spec = claim.putObject("spec");
    spec.putArray("accessModes").add("ReadWriteOnce");
    spec.putObject("resources").putObject("requests").put("storage", size);
    if (!storageClass.isEmpty()) {
      spec.put("storageClassName", storageClass);
    }
    Optional<JsonNode> made = api.make(Kind.CLAIM, namespace, claim);
    made.or(() -> api.get(Kind.CLAIM, namespace, name)).ifPresent(this::requireVolume);
    return made.isPresent();
  }

  private void requireVolume(JsonNode claim) {
    String what = "waiting until the cluster says whether claim %s gets a volume".formatted(name);
    try (var _ = Ongoing.begin(api.progress(), "wait", what, PATIENCE)) {
      refuseWithoutVolume(claim);
    }
  }

  /**
   * Ends as soon as it is known whether there will be a volume. The cluster's volume controller
   * reports this as an event, since a namespace's account cannot list StorageClasses. If the
   * controller reports nothing, a volume is assumed.
   */
  private void refuseWithoutVolume(JsonNode claim) {
    Events events = new Events(api, namespace);
    Elapsed waited = Elapsed.fromNow();
    Optional<JsonNode> now = Optional.of(claim);
    while (now.filter(BackupClaim::isPending).isPresent() && !waited.exceeds(PATIENCE)) {
      Optional<String> event = events.newestOf(now.get(), false);
      String storageClass = storageClass(now.get());
      Optional<String> why = event.filter(text -> isHopeless(text, storageClass));
      if (why.isPresent()) {
        throw withoutVolume(storageClass, why.get());
      }
      if (event.isPresent() && !event.get().startsWith(UNBOUND)) {
        return;
      }
      Pause.of(POLL);
      now = api.get(Kind.CLAIM, namespace, name);
    }
  }

  private static boolean isPending(JsonNode claim) {
    return claim.at("/status/phase").asText().equals("Pending");
  }

  private static String storageClass(JsonNode claim) {
    return claim.at("/spec/storageClassName").asText();
  }

  private static boolean isHopeless(String event, String storageClass) {
    return storageClass.isEmpty()
        ? event.startsWith(UNBOUND)
        : event.startsWith("ProvisioningFailed:")
            && event.contains("storageclass")
            && event.endsWith("not found");
  }

  private Failure withoutVolume(String storageClass, String event) {
    return Failure.of(
            ExitCode.REFUSED,
            "PersistentVolumeClaim %s for dumps gets no volume: %s"
                .formatted(
                    name,
                    storageClass.isEmpty()
                        ? "it names no StorageClass, and the cluster has no default"
                        : "the cluster has no StorageClass " + storageClass))
        .where("namespace %s; %s".formatted(namespace, event))
        .state("nothing else was changed; the claim exists and is empty")
        .next(
            ("list them: kubectl get storageclass; delete the claim: kubectl -n %s delete"
                    + " pvc %s; and set one in the values: backup.volume.storageClass and"
                    + " postgresql.primary.persistence.storageClass; or make one the default, which the claim then uses automatically")
                .formatted(namespace, name));
  }
}
