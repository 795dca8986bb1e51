package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Who deploys, and with what. */
@ExtendWith(Workspaces.class)
class DeployerTest {
  private static final String DEPLOYER = "deployer";

  @Test
  @DisplayName(
      "helm template --no-hooks piped into kubectl apply, with credentials ensure before and run after it on this machine, ends as with Helm")
  void manifestsAndCli(Workspace workspace) {
    String namespace = workspace.restricted();
    Release release = new Release(workspace, "helm", namespace, "values-dev.yaml");
    release.learnflowDb("credentials", "ensure").successful();
    release.apply().successful();
    assertThat(release.learnflowDb("run", "--timeout", "90s").successful().output())
        .endsWith("healthy\n");
    new Service(workspace, namespace).run("add,find,everything,refused", "ada");
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");

    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    release.learnflowDb("credentials", "ensure").successful();
    release.apply().successful();
    assertThat(release.learnflowDb("run").successful().output()).contains("nothing to do");
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before)).isEmpty();
  }

  @Test
  @DisplayName(
      "a deployer with the ClusterRole admin in the release's and the publish namespaces alone installs, repeats, tests and uninstalls")
  void namespaceAdmin(Workspace workspace) {
    String namespace = workspace.restricted();
    String consumers = workspace.restricted();
    for (String own : List.of(namespace, consumers)) {
      workspace
          .client()
          .resource(
              new RoleBindingBuilder()
                  .withNewMetadata()
                  .withName(DEPLOYER)
                  .withNamespace(own)
                  .endMetadata()
                  .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", "admin")
                  .addNewSubject("rbac.authorization.k8s.io", "User", DEPLOYER, null)
                  .build())
          .create();
    }
    Release release = new Release(workspace, "helm", namespace, "values-dev.yaml").by(DEPLOYER);
    String[] options = {"--set", "publish.namespaces={" + consumers + "}"};
    release.upgradeInstall(options).successful();
    new Service(workspace, consumers).run("add,find", "ada");
    Snapshot before = Snapshot.of(workspace.client(), workspace.namespaces());
    release.upgradeInstall(options).successful();
    assertThat(Snapshot.of(workspace.client(), workspace.namespaces()).changedSince(before))
        .isEmpty();
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
    assertThat(release.uninstall().successful().output()).contains("uninstalled");

    // The rights are as small as that.
    String other = workspace.restricted();
    assertThat(
            new Release(workspace, "helm", other, "values-dev.yaml")
                .by(DEPLOYER)
                .upgradeInstall()
                .failed()
                .output())
        .contains("forbidden");
  }
}
