package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * An object that was deleted, and is there as long as something holds it: what is made in its place
 * would go with it.
 */
final class Deletion {
  private final KubernetesApi api;
  private final String namespace;

  Deletion(KubernetesApi api, String namespace) {
    this.api = api;
    this.namespace = namespace;
  }

  static boolean isUnderWay(JsonNode object) {
    return !object.at("/metadata/deletionTimestamp").isMissingNode();
  }

  /** What holds an object: its finalizers. */
  static String holders(JsonNode object) {
    List<String> finalizers =
        object.at("/metadata/finalizers").valueStream().map(JsonNode::asText).toList();
    return finalizers.isEmpty()
        ? "no finalizer, so it is deleted immediately"
        : (finalizers.size() == 1 ? "finalizer " : "finalizers ") + String.join(", ", finalizers);
  }

  /**
   * What holds a claim: its finalizers, and the pods that use it, also those that have ended.
   *
   * @param pod one that may use it, where pods may not be listed
   * @param job whose pods may use it, in the same case
   */
  String holders(JsonNode claim, Optional<String> pod, Optional<String> job) {
    String name = claim.at("/metadata/name").asText();
    List<String> users =
        unlessForbidden(() ->
                api.list(Kind.POD, namespace, Map.of()).stream()
                    .filter(found -> PodDiagnosis.claims(found).contains(name))
                    .map(Deletion::described)
                    .toList())
            .orElseGet(() ->
                Stream.concat(
                        pod
                            .flatMap(known -> get(Kind.POD, known))
                            .filter(found -> PodDiagnosis.claims(found).contains(name))
                            .map(Deletion::described)
                            .stream(),
                        job
                            .flatMap(known -> get(Kind.JOB, known))
                            .map(_ -> "the pod of job " + job.orElseThrow())
                            .stream())
                    .toList());
    return holders(claim)
        + (users.isEmpty() ? "" : "; it is used by " + String.join(" and ", users));
  }

  private static String described(JsonNode pod) {
    return "pod %s (%s)"
        .formatted(pod.at("/metadata/name").asText(), pod.at("/status/phase").asText());
  }

  private Optional<JsonNode> get(Kind kind, String name) {
    return unlessForbidden(() -> api.get(kind, namespace, name)).flatMap(found -> found);
  }

  /** If the caller may not read the object, the answer says less. */
  private static <T> Optional<T> unlessForbidden(Supplier<T> question) {
    try {
      return Optional.of(question.get());
    } catch (Failure e) {
      return Optional.empty();
    }
  }

  /**
   * Continues only if an object, which others are waited for or depend on, stays.
   *
   * @throws Failure 10 that names what holds it
   */
  void refuse(Kind kind, Optional<JsonNode> found, String what) {
    found
        .filter(Deletion::isUnderWay)
        .ifPresent(object -> {
          String name = object.at("/metadata/name").asText();
          throw Failure.of(
                  ExitCode.REFUSED,
                  "%s %s, %s, is being deleted".formatted(kind.text(), name, what))
              .where("namespace %s; held by %s".formatted(namespace, holders(object)))
              .state("nothing was changed; a replacement created now would be deleted with it")
              .next(
                  "run the same command again once it is deleted: kubectl -n %s wait --for=delete %s/%s"
                      .formatted(namespace, kind.singular(), name));
        });
  }
}
