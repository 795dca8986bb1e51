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
  static final String LABEL = "learnflow.test/service";

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
   * @param arguments what it is to do, and the name of the learner it does it for
   * @throws AssertionError where it fails
   */
  void run(String... arguments) {
    end(workspace.client().resource(pod(List.of(arguments))).create());
  }

  /** Starts service.py. */
  Pod start(String... arguments) {
    return pods().start(pod(List.of(arguments)), SECONDS);
  }

  /**
   * Waits until a service has ended.
   *
   * @throws AssertionError where it has failed
   */
  void end(Pod pod) {
    Pod ended = pods().end(pod, SECONDS);
    if (!Pods.phase(ended).equals("Succeeded")) {
      throw new AssertionError("the service failed:%n%s".formatted(pods().log(ended)));
    }
  }

  private Pods pods() {
    return new Pods(workspace.client());
  }

  private Pod pod(List<String> arguments) {
    return new PodBuilder()
        .withNewMetadata()
        .withGenerateName("service-")
        .withNamespace(namespace)
        .addToLabels(LABEL, "progress")
        // In the release's own namespace this label is what the network policy admits.
        .addToLabels("postgres-client", "true")
        .endMetadata()
        .withNewSpec()
        .withRestartPolicy("Never")
        .withActiveDeadlineSeconds(2L * SECONDS)
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
