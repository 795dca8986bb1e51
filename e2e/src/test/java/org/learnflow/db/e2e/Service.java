package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import java.util.List;
import java.util.Map;

/**
 * A pod as one of LearnFlow's services: Python with asyncpg, which knows of the database only what
 * {@code envFrom} gives it.
 */
final class Service {
  private static final int SECONDS = 60;

  private final Workspace workspace;
  private final String namespace;

  Service(Workspace workspace, String namespace) {
    this.workspace = workspace;
    this.namespace = namespace;
  }

  /**
   * Runs service.py to its end.
   *
   * @param arguments what it is to do
   * @return its log
   * @throws AssertionError where it fails
   */
  String run(String... arguments) {
    Pods pods = new Pods(workspace.client());
    Pod ended = pods.run(pod(List.of(arguments)), SECONDS);
    String log = pods.log(ended);
    if (!Pods.phase(ended).equals("Succeeded")) {
      throw new AssertionError(
          "the service failed at %s:%n%s".formatted(String.join(" ", arguments), log));
    }
    return log;
  }

  private Pod pod(List<String> arguments) {
    return new PodBuilder()
        .withNewMetadata()
        .withGenerateName("service-")
        .withNamespace(namespace)
        // In the release's own namespace this label is what the network policy admits.
        .addToLabels("postgres-client", "true")
        .endMetadata()
        .withNewSpec()
        .withRestartPolicy("Never")
        .withActiveDeadlineSeconds((long) SECONDS)
        .withTerminationGracePeriodSeconds(0L)
        .withAutomountServiceAccountToken(false)
        .withEnableServiceLinks(false)
        .withNewSecurityContext()
        .withRunAsNonRoot(true)
        .withRunAsUser(10001L)
        .withNewSeccompProfile()
        .withType("RuntimeDefault")
        .endSeccompProfile()
        .endSecurityContext()
        .addNewContainer()
        .withName("service")
        .withImage(Images.PYTHON)
        .withImagePullPolicy("IfNotPresent")
        .withCommand("python3", "-c", Repository.resource("service.py"))
        .withArgs(arguments)
        .addNewEnvFrom()
        .withNewSecretRef()
        .withName(Release.NAME + "-env")
        .endSecretRef()
        .endEnvFrom()
        .addNewEnvFrom()
        .withNewConfigMapRef()
        .withName(Release.NAME)
        .endConfigMapRef()
        .endEnvFrom()
        .withNewResources()
        .withRequests(Map.of("cpu", new Quantity("50m"), "memory", new Quantity("64Mi")))
        .withLimits(Map.of("cpu", new Quantity("500m"), "memory", new Quantity("128Mi")))
        .endResources()
        .withNewSecurityContext()
        .withAllowPrivilegeEscalation(false)
        .withReadOnlyRootFilesystem(true)
        .withNewCapabilities()
        .withDrop("ALL")
        .endCapabilities()
        .endSecurityContext()
        .endContainer()
        .endSpec()
        .build();
  }
}
