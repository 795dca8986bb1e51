package org.learnflow.db.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/** An object of a controller's own kind, and what the controller says about it. */
final class Watched {
  private static final PatchContext MERGE = PatchContext.of(PatchType.JSON_MERGE);

  private final Resource<GenericKubernetesResource> resource;

  Watched(KubernetesClient client, ResourceDefinitionContext kind, String namespace, String name) {
    resource = client.genericKubernetesResources(kind).inNamespace(namespace).withName(name);
  }

  /** As it is now; null where it is not there. */
  JsonNode get() {
    GenericKubernetesResource now = resource.get();
    if (now == null) {
      return null;
    }
    now.getMetadata().setManagedFields(null);
    return Serialization.unmarshal(Serialization.asJson(now), JsonNode.class);
  }

  /** Changes it by a merge patch, in JSON. */
  void patch(String json) {
    resource.patch(MERGE, json);
  }

  void annotate(String name, String value) {
    patch("{\"metadata\": {\"annotations\": {\"%s\": \"%s\"}}}".formatted(name, value));
  }

  /** Begins to delete it. */
  void delete() {
    resource.delete();
  }

  boolean isThere() {
    return resource.get() != null;
  }

  /**
   * Waits until something holds.
   *
   * @param what it is, for the error
   * @return the object as it is then
   */
  JsonNode await(String what, Duration most, Predicate<JsonNode> holds) {
    long end = System.nanoTime() + most.toNanos();
    while (true) {
      JsonNode now = get();
      if (now != null && holds.test(now)) {
        return now;
      }
      if (System.nanoTime() > end) {
        throw new AssertionError(
            "not after %d s: %s%n%s".formatted(most.toSeconds(), what, Serialization.asYaml(now)));
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
    }
  }

  /** Waits until it is gone. */
  void awaitGone(Duration most) {
    resource.waitUntilCondition(now -> now == null, most.toMillis(), TimeUnit.MILLISECONDS);
  }
}
