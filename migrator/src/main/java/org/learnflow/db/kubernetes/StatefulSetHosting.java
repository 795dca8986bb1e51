package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * A database that a StatefulSet runs. SQL may be tried once the pod of the set's current revision
 * is ready: an upgrade must not migrate on a pod that is about to be replaced.
 */
public final class StatefulSetHosting extends PodHosting {
  private final Optional<String> service;

  /**
   * A database.
   *
   * @param name of the StatefulSet
   * @param forwardedService the Service whose port is forwarded to this machine, for a process
   *     outside the cluster
   */
  public StatefulSetHosting(
      KubernetesApi api,
      String namespace,
      String release,
      String name,
      Optional<String> forwardedService) {
    super(api, namespace, release, name, forwardedService.isPresent());
    this.service = forwardedService;
  }

  /** The certificate is the release's own, or that of a Secret that its values name. */
  @Override
  public String tlsAdvice() {
    return "run the same helm upgrade again, which renews the server's certificate; if it is that of"
        + " postgresql.serverTls.existingSecret or .issuerRef, renew it there; see what the server"
        + " shows: learnflow-db verify --release %s --namespace %s".formatted(release, namespace);
  }

  @Override
  public Optional<Obstacle> obstacle() {
    try {
      return api.get(Kind.STATEFUL_SET, namespace, name)
          .map(this::obstacle)
          .orElseGet(
              () -> obstacle("does not exist", "kubectl -n " + namespace + " get statefulsets"));
    } catch (Failure e) {
      return Optional.of(new Obstacle(e.what(), e.next().orElse("kubectl version")));
    }
  }

  private Optional<Obstacle> obstacle(JsonNode set) {
    String describe = "kubectl -n %s describe statefulset %s".formatted(namespace, name);
    if (set.at("/status/observedGeneration").asLong() < set.at("/metadata/generation").asLong()) {
      return obstacle("was changed, but its controller has not seen it yet", describe);
    }
    if (set.at("/spec/replicas").asInt(1) == 0) {
      return obstacle(
          "is scaled to 0",
          "kubectl -n %s scale statefulset %s --replicas=1".formatted(namespace, name));
    }
    Optional<JsonNode> pod = pod(set);
    if (pod.isEmpty()) {
      String event =
          new Events(api, namespace).newestOf(set, true).map(text -> ": " + text).orElse(" yet");
      return obstacle("has no pod" + event, describe);
    }
    return obstacle(set, pod.get());
  }

  private Optional<Obstacle> obstacle(JsonNode set, JsonNode pod) {
    String podName = pod.at("/metadata/name").asText();
    String describe = "kubectl -n %s describe pod %s".formatted(namespace, podName);
    boolean ready = isReady(pod);
    if (!pod.at("/metadata/deletionTimestamp").isMissingNode()) {
      String event =
          new Events(api, namespace).newestOf(pod, true).map(text -> ", " + text).orElse("");
      return Optional.of(
          new Obstacle(
              "pod %s is being replaced: Terminating%s".formatted(podName, event), describe));
    }
    if (isReplacedByController(set) && !isCurrent(set, pod)) {
      return Optional.of(
          ready
              ? new Obstacle(
                  "pod %s is of the previous revision and about to be replaced".formatted(podName),
                  describe)
              : new Obstacle(
                  "pod %s is of the previous revision and not ready, so that its StatefulSet does"
                          .formatted(podName)
                      + " not replace it: "
                      + new PodDiagnosis(api, namespace).of(pod).what(),
                  "kubectl -n %s delete pod %s".formatted(namespace, podName)));
    }
    return ready ? Optional.empty() : Optional.of(new PodDiagnosis(api, namespace).of(pod));
  }

  private Optional<Obstacle> obstacle(String what, String next) {
    return Optional.of(new Obstacle("StatefulSet %s %s".formatted(name, what), next));
  }

  /** Whether the controller gives the pod a new revision by itself. */
  private static boolean isReplacedByController(JsonNode set) {
    JsonNode strategy = set.at("/spec/updateStrategy");
    return !strategy.path("type").asText().equals("OnDelete")
        && strategy.at("/rollingUpdate/partition").asInt() == 0;
  }

  private static boolean isCurrent(JsonNode set, JsonNode pod) {
    return pod.at("/metadata/labels/controller-revision-hash")
        .asText()
        .equals(set.at("/status/updateRevision").asText());
  }

  /**
   * The set's first pod: the one that takes writes. By name, so that no right to list is needed; a
   * pod of that name that the set does not select is none of its own.
   */
  private Optional<JsonNode> pod(JsonNode set) {
    return api.get(Kind.POD, namespace, podName())
        .filter(pod ->
            set.at("/spec/selector/matchLabels").properties().stream()
                .allMatch(label ->
                    label.getValue().equals(pod.at("/metadata/labels").get(label.getKey()))));
  }

  @Override
  String podName() {
    return name + "-0";
  }

  @Override
  Optional<JsonNode> pod() {
    return api.get(Kind.STATEFUL_SET, namespace, name).flatMap(this::pod);
  }

  @Override
  int containerPort(int servicePort) {
    String serviceName = service.orElse(name);
    JsonNode ports =
        api.get(Kind.SERVICE, namespace, serviceName)
            .orElseThrow(() ->
                Failure.of(ExitCode.NOT_DEPLOYED, "Service " + serviceName + " does not exist")
                    .where("namespace " + namespace)
                    .state("nothing was changed")
                    .next("kubectl -n %s get services".formatted(namespace)))
            .at("/spec/ports");
    JsonNode target =
        ports
            .valueStream()
            .filter(port -> port.path("port").asInt() == servicePort)
            .findFirst()
            .map(port -> port.path("targetPort"))
            .orElseThrow(() ->
                Failure.of(
                        ExitCode.FAILED,
                        "Service %s has no port %d".formatted(serviceName, servicePort))
                    .state("nothing was changed")
                    .next("kubectl -n %s describe service %s".formatted(namespace, serviceName)));
    return target.isInt() ? target.asInt() : namedPort(target.asText()).orElse(servicePort);
  }

  private Optional<Integer> namedPort(String portName) {
    return api.get(Kind.STATEFUL_SET, namespace, name).stream()
        .flatMap(set -> set.at("/spec/template/spec/containers").valueStream())
        .flatMap(container -> container.path("ports").valueStream())
        .filter(port -> port.path("name").asText().equals(portName))
        .map(port -> port.path("containerPort").asInt())
        .findFirst();
  }

  @Override
  Failure passwordRefused(Failure refused) {
    return refused
        .what("the Secret and the volume do not belong together: " + refused.what())
        .state(
            "nothing was changed; usually the volume is older than the Secret, which was lost and created again")
        .next(
            """
            restore the old Secret; or set the database's passwords to those of the Secret: \
            learnflow-db credentials repair --release %s --namespace %s%s\
            """
                .formatted(
                    release,
                    namespace,
                    hasVolume()
                        ? ""
                        : "; or, because the data is in the pod, restart it empty: kubectl -n %s delete pod %s"
                            .formatted(namespace, podName())));
  }

  /** Also where that cannot be looked up: the more careful advice. */
  private boolean hasVolume() {
    try {
      return pod().map(pod -> !PodDiagnosis.claims(pod).isEmpty()).orElse(true);
    } catch (Failure e) {
      return true;
    }
  }
}
