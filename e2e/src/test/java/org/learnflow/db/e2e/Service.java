package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A pod as one of LearnFlow's services: the Progress Service of the examples, in Python with
 * asyncpg, which knows of the database only what {@code envFrom} gives it.
 */
final class Service {
  static final String LABEL = "learnflow.test/service";

  private static final int SECONDS = 60;

  private static final String SOURCES = "service";
  private static final String FOLDER = "/service";
  private static final String TLS = "/tls";

  private final Workspace workspace;
  private final String namespace;
  private final String release;

  Service(Workspace workspace, String namespace) {
    this(workspace, namespace, Release.NAME);
  }

  /** A service of another release than the usual one. */
  Service(Workspace workspace, String namespace, String release) {
    this.workspace = workspace;
    this.namespace = namespace;
    this.release = release;
  }

  /** The services' files, at {@link #FOLDER} where this is mounted. */
  static ConfigMap sources(String namespace) {
    return new ConfigMapBuilder()
        .withNewMetadata()
        .withName(SOURCES)
        .withNamespace(namespace)
        .addToLabels(LABEL, "progress")
        .endMetadata()
        .addToData("progress.py", Repository.example("progress-service/progress.py"))
        .addToData("service.py", Repository.resource("service.py"))
        .addToData("database.js", Repository.example("node/database.js"))
        .addToData("triage.js", Repository.example("node/triage.js"))
        .build();
  }

  /** The Progress Service's Deployment. */
  static Deployment example() {
    return example("progress-service/templates/deployment.yaml", Images.PYTHON);
  }

  /**
   * A Deployment of the examples with its {@link #sources}.
   *
   * @param image what it runs on instead of its own
   */
  static Deployment example(String file, String image) {
    Deployment example = Serialization.unmarshal(Repository.example(file), Deployment.class);
    return new DeploymentBuilder(example)
        .editSpec()
        .editTemplate()
        .editMetadata()
        .addToLabels(LABEL, "progress")
        .endMetadata()
        .editSpec()
        .editFirstContainer()
        .withImage(image)
        .withImagePullPolicy("IfNotPresent")
        .addNewVolumeMount()
        .withName(SOURCES)
        .withMountPath(FOLDER)
        .endVolumeMount()
        .endContainer()
        .addNewVolume()
        .withName(SOURCES)
        .withNewConfigMap()
        .withName(SOURCES)
        .endConfigMap()
        .endVolume()
        .endSpec()
        .endTemplate()
        .endSpec()
        .build();
  }

  /**
   * Runs service.py to its end.
   *
   * @param arguments what it is to do, and the name of the learner it does it for
   * @throws AssertionError where it fails
   */
  void run(String... arguments) {
    makeSources();
    end(workspace.client().resource(pod(List.of(arguments)).build()).create());
  }

  /** Starts service.py. */
  Pod start(String... arguments) {
    makeSources();
    return pods().start(pod(List.of(arguments)).build(), SECONDS);
  }

  /**
   * A Deployment of service.py that runs until it is asked to end, for a workload that is rolled.
   *
   * @param arguments as for {@link #run}
   */
  Deployment deploy(String name, int replicas, String... arguments) {
    makeSources();
    Pod pod = pod(List.of(arguments)).build();
    pod.getSpec().setRestartPolicy("Always");
    pod.getSpec().setActiveDeadlineSeconds(null);
    pod.getSpec().setTerminationGracePeriodSeconds(10L);
    Deployment made =
        workspace
            .client()
            .resource(
                new DeploymentBuilder()
                    .withNewMetadata()
                    .withName(name)
                    .withNamespace(namespace)
                    .addToLabels(LABEL, "progress")
                    .endMetadata()
                    .withNewSpec()
                    .withReplicas(replicas)
                    // A service that is not let in has ended by then.
                    .withMinReadySeconds(3)
                    .withNewSelector()
                    .addToMatchLabels("app", name)
                    .endSelector()
                    .withNewTemplate()
                    .withNewMetadata()
                    .addToLabels(pod.getMetadata().getLabels())
                    .addToLabels("app", name)
                    .endMetadata()
                    .withSpec(pod.getSpec())
                    .endTemplate()
                    .endSpec()
                    .build())
            .create();
    return workspace.client().resource(made).waitUntilReady(SECONDS, TimeUnit.SECONDS);
  }

  /** Waits until a service has said something. */
  void awaitLog(Pod pod, String text) {
    pods().awaitLog(pod, text);
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

  private void makeSources() {
    workspace.client().resource(sources(namespace)).forceConflicts().serverSideApply();
  }

  private Pods pods() {
    return new Pods(workspace.client());
  }

  private PodBuilder pod(List<String> arguments) {
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
        .withCommand("python3", FOLDER + "/service.py")
        .withArgs(arguments)
        .addNewEnvFrom()
        .withNewSecretRef()
        .withName(release + "-env")
        .endSecretRef()
        .endEnvFrom()
        .addNewEnvFrom()
        .withNewConfigMapRef()
        .withName(release)
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
        .addNewVolumeMount()
        .withName(SOURCES)
        .withMountPath(FOLDER)
        .endVolumeMount()
        // As docs/how-to/verify-server.md says; without a certificate the variable means nothing.
        .addNewEnv()
        .withName("PGSSLROOTCERT")
        .withValue(TLS + "/ca.crt")
        .endEnv()
        .addNewVolumeMount()
        .withName("tls")
        .withMountPath(TLS)
        .endVolumeMount()
        .endContainer()
        .addNewVolume()
        .withName(SOURCES)
        .withNewConfigMap()
        .withName(SOURCES)
        .endConfigMap()
        .endVolume()
        .addNewVolume()
        .withName("tls")
        .withNewSecret()
        .withSecretName(release)
        .withOptional(true)
        .addNewItem("ca.crt", null, "ca.crt")
        .endSecret()
        .endVolume()
        .endSpec();
  }
}
