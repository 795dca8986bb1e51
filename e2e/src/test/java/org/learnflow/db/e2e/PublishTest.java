package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The connection in several namespaces. */
@ExtendWith(Workspaces.class)
class PublishTest {
  private static final int GONE_SECONDS = 90;

  @Test
  @DisplayName(
      "several publish namespaces: one is deleted and made again, and the same command brings the connection back there and changes nothing else")
  void namespaceMadeAgain(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String stays = workspace.restricted();
    String leaves = workspace.restricted();
    String[] options = {"--set", "publish.namespaces={%s,%s}".formatted(stays, leaves)};
    release.upgradeInstall(options).successful();
    Map<String, String> published = release.published(release.namespace());
    assertThat(release.published(stays)).isEqualTo(published);
    assertThat(release.published(leaves)).isEqualTo(published);
    new Service(workspace, leaves).run("add", "ada");

    workspace.cluster().delete(leaves);
    workspace
        .client()
        .namespaces()
        .withName(leaves)
        .waitUntilCondition(namespace -> namespace == null, GONE_SECONDS, TimeUnit.SECONDS);
    workspace.cluster().createRestricted(leaves);
    List<String> others = List.of(release.namespace(), stays);
    Snapshot before = Snapshot.of(workspace.client(), others);
    release.upgradeInstall(options).successful();
    assertThat(release.published(leaves)).isEqualTo(published);
    assertThat(release.binding(leaves)).isEqualTo(release.binding(stays));
    assertThat(Snapshot.of(workspace.client(), others).changedSince(before)).isEmpty();
    for (String namespace : workspace.namespaces()) {
      new Service(workspace, namespace).run("find", "ada");
    }
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
  }
}
