package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.client.dsl.ScalableResource;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Jobs of a namespace, and what their pods said. */
final class Jobs {
  private final Workspace workspace;
  private final String namespace;

  Jobs(Workspace workspace, String namespace) {
    this.workspace = workspace;
    this.namespace = namespace;
  }

  /**
   * Runs a Job to its end, in the place of an earlier one of the same name.
   *
   * @param manifest YAML
   * @return the log of its last pod
   * @throws AssertionError where it fails
   */
  String run(String manifest, int seconds) {
    return end(start(manifest), seconds);
  }

  /** Starts a Job in the place of an earlier one of the same name, and returns its name. */
  String start(String manifest) {
    Job job =
        (Job)
            workspace
                .client()
                .load(new ByteArrayInputStream(manifest.getBytes(StandardCharsets.UTF_8)))
                .items()
                .getFirst();
    String name = job.getMetadata().getName();
    job(name).withPropagationPolicy(DeletionPropagation.FOREGROUND).delete();
    job(name).waitUntilCondition(there -> there == null, 30, TimeUnit.SECONDS);
    workspace.client().resource(job).inNamespace(namespace).create();
    return name;
  }

  /** Starts a CronJob's Job now, as kubectl create job --from does. */
  void start(String cronJob, String name) {
    var template =
        workspace
            .client()
            .batch()
            .v1()
            .cronjobs()
            .inNamespace(namespace)
            .withName(cronJob)
            .get()
            .getSpec()
            .getJobTemplate();
    workspace
        .client()
        .resource(
            new JobBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .endMetadata()
                .withSpec(template.getSpec())
                .build())
        .create();
  }

  /**
   * Runs a CronJob's Job now.
   *
   * @return its log
   * @throws AssertionError where it fails
   */
  String runNow(String cronJob, String name, int seconds) {
    start(cronJob, name);
    return end(name, seconds);
  }

  /**
   * Waits for a Job's end.
   *
   * @return the log of its last pod
   * @throws AssertionError where it fails
   */
  String end(String name, int seconds) {
    Job ended = job(name).waitUntilCondition(Jobs::hasEnded, seconds, TimeUnit.SECONDS);
    String log = log(name);
    if (!is(ended, "Complete")) {
      throw new AssertionError("Job %s failed:%n%s".formatted(name, log));
    }
    return log;
  }

  /** Waits until a Job's pod runs. */
  Pod awaitRunning(String name, int seconds) {
    return workspace
        .client()
        .pods()
        .inNamespace(namespace)
        .withLabel("batch.kubernetes.io/job-name", name)
        .waitUntilCondition(
            pod -> pod != null && Pods.phase(pod).equals("Running"), seconds, TimeUnit.SECONDS);
  }

  /** Waits until the migrate Job's pod is at the migration that tests add. */
  Pod awaitMigrating(int seconds) {
    Pod pod = awaitRunning(Incident.JOB, seconds);
    new Pods(workspace.client()).awaitLog(pod, Migrations.FILE);
    return pod;
  }

  /** Waits until a Job has failed. */
  void awaitFailed(String name, int seconds) {
    job(name).waitUntilCondition(job -> is(job, "Failed"), seconds, TimeUnit.SECONDS);
  }

  boolean hasEnded(String name) {
    return hasEnded(job(name).get());
  }

  private static boolean hasEnded(Job job) {
    return is(job, "Complete") || is(job, "Failed");
  }

  private ScalableResource<Job> job(String name) {
    return workspace.client().batch().v1().jobs().inNamespace(namespace).withName(name);
  }

  private static boolean is(Job job, String condition) {
    return job != null
        && job.getStatus().getConditions().stream()
            .anyMatch(
                found -> found.getType().equals(condition) && found.getStatus().equals("True"));
  }

  /** Log of a Job's last pod. */
  String log(String job) {
    return new Pods(workspace.client()).log(lastPod(job));
  }

  /** The same of one of its containers. */
  String log(String job, String container) {
    return workspace.client().pods().resource(lastPod(job)).inContainer(container).getLog();
  }

  /** Exit code of a Job's last pod. */
  int exitCode(String job) {
    return Pods.end(lastPod(job)).getExitCode();
  }

  /** When a Job was created; whole seconds. */
  Instant created(String job) {
    return Instant.parse(job(job).get().getMetadata().getCreationTimestamp());
  }

  /** When a Job's last pod ended; whole seconds. */
  Instant finished(String job) {
    return Instant.parse(Pods.end(lastPod(job)).getFinishedAt());
  }

  /** What a Job's last pod said last, as kubectl describe shows it. */
  String terminationMessage(String job) {
    return Pods.end(lastPod(job)).getMessage();
  }

  /** How often a container beside the main one of a Job's last pod was started again. */
  int restarts(String job, String container) {
    return lastPod(job).getStatus().getInitContainerStatuses().stream()
        .filter(status -> status.getName().equals(container))
        .findFirst()
        .orElseThrow()
        .getRestartCount();
  }

  /** How many pods a Job has had. */
  int attempts(String job) {
    return pods(job).size();
  }

  private Pod lastPod(String job) {
    return pods(job).getLast();
  }

  private List<Pod> pods(String job) {
    return workspace
        .client()
        .pods()
        .inNamespace(namespace)
        .withLabel("batch.kubernetes.io/job-name", job)
        .list()
        .getItems()
        .stream()
        .sorted(Comparator.comparing(pod -> pod.getMetadata().getCreationTimestamp()))
        .toList();
  }
}
