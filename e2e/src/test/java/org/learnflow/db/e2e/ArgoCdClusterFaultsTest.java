package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.learnflow.db.e2e.ArgoCdExample.phase;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Isolated;

/** The cluster itself is in trouble. Alone: other tests need it too. */
@Tag("gitops")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
@Isolated
class ArgoCdClusterFaultsTest {
  @Test
  @DisplayName(
      "Argo CD: the API server is gone for ten seconds while a hook migrates: that very Job ends, and with it the sync, Succeeded; the connection is published")
  void apiServerGone(Workspace workspace) throws InterruptedException {
    String longer = Images.withMigration("argo-api", Migrations.FILE, Migrations.longBadges(15));
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    deployed.application().awaitHealthy();
    Service service = new Service(workspace, deployed.namespace());
    service.run("add", "ada");

    String revision = repository.release(longer);
    deployed.application().refresh();
    Pod pod = new Jobs(workspace, deployed.namespace()).awaitMigrating(120);
    workspace.cluster().control("stop", "apiserver");
    Thread.sleep(Duration.ofSeconds(10));
    workspace.cluster().control("start", "apiserver");

    JsonNode ended = deployed.application().awaitEnded(revision);
    assertThat(phase(ended)).isEqualTo("Succeeded");
    assertThat(ended.path("retryCount").asInt()).isZero();
    assertThat(workspace.client().resource(pod).get()).isNotNull();
    assertThat(deployed.release().published(deployed.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    deployed.application().awaitHealthy();
    service.run("find,award_badge", "ada");
  }
}
