package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Isolated;

/** The cluster itself is in trouble while Flux is at work. Alone: other tests need it too. */
@Tag("gitops")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
@Isolated
class FluxClusterFaultsTest {
  @Test
  @DisplayName(
      "Flux: the API server restarted while the Job migrates: the migration is applied and published, and the HelmRelease ends Ready without a hand")
  void apiServerRestarted(Workspace workspace) {
    String longer = Images.withMigration("flux-api", Migrations.FILE, Migrations.longBadges(12));
    GitRepository repository = new GitRepository(workspace);
    // Minutes later is the same.
    FluxExample.replace(repository, "dev", "retryInterval: 5m", "retryInterval: 10s");
    FluxExample database = FluxExample.deploy(workspace, repository, "dev");
    database.helmRelease().awaitReady();
    String namespace = database.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");

    String revision = repository.release(longer);
    database.see();
    new Jobs(workspace, namespace).awaitMigrating(60);
    workspace.cluster().control("restart", "apiserver");
    database.helmRelease().awaitRevision(revision);
    database.helmRelease().awaitReady();
    assertThat(database.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,everything,award_badge", "ada");
  }
}
