package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.learnflow.db.e2e.ArgoCdExample.phase;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The examples that put a Cluster of CloudNativePG and a release on it into a repository. */
@Tag("cnpg-gitops")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class CloudNativePgGitOpsTest {
  private static final int TIMES = 20;

  /** Reconciliations of Flux that upgrade, and so run the hooks. */
  private static final int UPGRADES = 5;

  /** The examples, on the images of the tests. */
  private static GitRepository repository(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    repository.write("examples/cloudnative-pg/cluster.yaml", CloudNativePg.manifest());
    String values = CloudNativePg.VALUES;
    repository.write(values, repository.read(values).replaceFirst("tag: .*", "tag: \"17\""));
    repository.commit("Images of the tests");
    repository.tag(GitRepository.FIRST_TAG);
    return repository;
  }

  @Test
  @DisplayName(
      "Argo CD: Cluster and release in one Application; it is Healthy when the Cluster is, the migration ran after that, 20 more syncs change nothing, and deleting the Application leaves Cluster and rows")
  void argoCd(Workspace workspace) {
    GitRepository repository = repository(workspace);
    ArgoCd argoCd = new ArgoCd(workspace);
    argoCd.apply(repository.adapt("examples/argocd/namespaces.yaml", argoCd.namespace()));
    CloudNativePg postgres = new CloudNativePg(workspace, repository.namespace("postgres"));
    argoCd.apply(
        repository.adapt("examples/argocd/application-cloudnative-pg.yaml", argoCd.namespace()));
    ArgoCdExample deployed =
        ArgoCdExample.of(workspace, repository, argoCd, "prod", "learnflow-db-cloudnative-pg");
    JsonNode status = deployed.application().awaitHealthy().path("status");
    assertThat(status.path("resources"))
        .anySatisfy(resource -> assertThat(resource.path("kind").asText()).isEqualTo("Cluster"));
    String namespace = deployed.namespace();
    assertThat(new Jobs(workspace, namespace).created(Incident.JOB))
        .as("PostSync waits until Argo CD finds the Cluster healthy")
        .isAfterOrEqualTo(postgres.healthySince());
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
    postgres.awaitHealthy();
    Service service = new Service(workspace, namespace);
    service.run("verified,add,find,everything,refused,reads", "ada");

    Snapshot before = ours(workspace, namespace);
    long generation = postgres.cluster().get().getMetadata().getGeneration();
    for (int i = 0; i < TIMES; i++) {
      assertThat(phase(deployed.application().sync())).isEqualTo("Succeeded");
    }
    deployed.application().awaitHealthy();
    assertThat(ours(workspace, namespace).changedSince(before)).isEmpty();
    assertThat(postgres.cluster().get().getMetadata().getGeneration()).isEqualTo(generation);

    deployed.application().watched().delete();
    deployed.application().watched().awaitGone(Duration.ofSeconds(60));
    assertThat(deployed.release().secret(namespace, Release.NAME))
        .as("the published Secret goes with its owner")
        .isNull();
    postgres.awaitHealthy();
    argoCd.apply(
        repository.adapt("examples/argocd/application-cloudnative-pg.yaml", argoCd.namespace()));
    deployed.application().awaitHealthy();
    service.run("find", "ada");
  }

  @Test
  @DisplayName(
      "Flux: a HelmRelease beside a Cluster that is made at the same time waits for it; 20 more reconciliations, five of them upgrades with all hooks, change nothing")
  void flux(Workspace workspace) {
    GitRepository repository = repository(workspace);
    Flux flux = new Flux(workspace);
    flux.apply(repository.adapt("examples/flux/namespaces.yaml", flux.namespace()));
    CloudNativePg postgres = new CloudNativePg(workspace, repository.namespace("postgres"));
    FluxExample deployed =
        FluxExample.deploy(
            workspace, repository, flux, "prod", "examples/flux/cloudnative-pg.yaml");
    postgres.apply();
    deployed.helmRelease().awaitReady();
    String namespace = deployed.namespace();
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
    postgres.awaitHealthy();
    Service service = new Service(workspace, namespace);
    service.run("verified,add,find,everything,refused,reads", "ada");

    Snapshot before = ours(workspace, namespace);
    for (int i = 0; i < TIMES; i++) {
      if (i < UPGRADES) {
        deployed.helmRelease().force();
      } else {
        deployed.helmRelease().reconcile();
      }
      deployed.helmRelease().awaitReady();
    }
    assertThat(ours(workspace, namespace).changedSince(before)).isEmpty();
    service.run("find", "ada");
  }

  /** Without what CloudNativePG writes all the time, such as its status. */
  private static Snapshot ours(Workspace workspace, String namespace) {
    String name = namespace + "/" + Release.NAME;
    return Snapshot.of(workspace.client(), List.of(namespace))
        .only(
            "Secret " + name,
            "Secret " + name + "-env",
            "Secret " + name + "-credentials",
            "ConfigMap " + name,
            "ConfigMap " + name + "-release");
  }
}
