package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.EncodingType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The Makefile's way. */
@ExtendWith(Workspaces.class)
class MakeTest {
  private static final int QUIET_TOKENS = 40;
  private static final Duration MOST = Duration.ofMinutes(3);

  @Test
  @DisplayName(
      "make: deploy, verify, status, connection, migrate, seed; undeploy keeps data, with PURGE=1 nothing is left")
  void make(Workspace workspace) {
    String namespace = workspace.restricted();
    Snapshot before = Snapshot.of(workspace.client(), workspace.namespaces());
    assertThat(make(workspace, namespace, "verify").failed().output()).contains("not deployed\n");

    assertThat(make(workspace, namespace, "deploy", "ENV=prod").successful().output())
        .contains("new release learnflow-db", "Host: postgres." + namespace, "Password: ********");
    assertThat(make(workspace, namespace, "deploy", "ENV=prod").successful().output())
        .contains("found release learnflow-db", "revision 1, deployed");
    assertThat(make(workspace, namespace, "verify").successful().output()).endsWith("healthy\n");
    assertThat(make(workspace, namespace, "status").successful().output())
        .contains("data-postgres-0 Bound", "Pending:     none");
    assertThat(make(workspace, namespace, "migrate").successful().output())
        .contains("nothing to do");
    assertThat(make(workspace, namespace, "seed", "SEED_MODE=update").successful().output())
        .contains("0 inserted, 0 updated");

    make(workspace, namespace, "undeploy").successful();
    assertThat(new Release(workspace, "helm", namespace, "values-prod.yaml").credentials())
        .isNotNull();
    assertThat(make(workspace, namespace, "undeploy", "PURGE=1").failed().output())
        .contains("confirmation is required, but there is no terminal", "YES=1");
    make(workspace, namespace, "undeploy", "PURGE=1", "YES=1").successful();
    awaitNoVolume(workspace, namespace);
    assertThat(Snapshot.of(workspace.client(), workspace.namespaces()).changedSince(before))
        .isEmpty();
  }

  @Test
  @DisplayName(
      "make deploy after a killed Helm: says what is stuck and how to get out, changes nothing; with YES=1 it does that and deploys, with all rows")
  void stuck(Workspace workspace) throws InterruptedException {
    String namespace = workspace.restricted();
    Release release = new Release(workspace, "helm", namespace, "values-prod.yaml");
    Process install = release.startUpgradeInstall();
    release.awaitHook();
    install.destroyForcibly().waitFor();
    assertThat(make(workspace, namespace, "deploy", "ENV=prod").failed().output())
        .contains("learnflow-db is pending-install", "make deploy YES=1", "uninstall learnflow-db");
    make(workspace, namespace, "deploy", "ENV=prod", "YES=1").successful();
    new Service(workspace, namespace).run("add", "ada");

    Process upgrade = release.startUpgradeInstall();
    release.awaitHook();
    upgrade.destroyForcibly().waitFor();
    assertThat(make(workspace, namespace, "deploy", "ENV=prod").failed().output())
        .contains("learnflow-db is pending-upgrade", "make deploy YES=1", "rollback learnflow-db");
    assertThat(make(workspace, namespace, "deploy", "ENV=prod", "YES=1").successful().output())
        .contains("rollback learnflow-db", "deployed in");
    new Service(workspace, namespace).run("find", "ada");
    assertThat(make(workspace, namespace, "verify").successful().output()).endsWith("healthy\n");
  }

  @Test
  @DisplayName("make with QUIET=1: at most 40 tokens each")
  void quiet(Workspace workspace) {
    String namespace = workspace.restricted();
    for (List<String> command :
        List.of(List.of("deploy", "ENV=dev"), List.of("verify"), List.of("connection"))) {
      List<String> words = new ArrayList<>(command);
      words.add("QUIET=1");
      String output =
          make(workspace, namespace, words.toArray(String[]::new)).successful().output();
      assertThat(tokens(output)).as(output).isBetween(1, QUIET_TOKENS);
    }
  }

  /** The only objects outside a namespace that come with a release. */
  private static void awaitNoVolume(Workspace workspace, String namespace) {
    workspace
        .client()
        .persistentVolumes()
        .informOnCondition(volumes ->
            volumes.stream()
                .noneMatch(volume ->
                    volume.getSpec().getClaimRef() != null
                        && namespace.equals(volume.getSpec().getClaimRef().getNamespace())))
        .orTimeout(60, TimeUnit.SECONDS)
        .join();
  }

  private static int tokens(String text) {
    return Encodings.newDefaultEncodingRegistry()
        .getEncoding(EncodingType.O200K_BASE)
        .countTokens(text);
  }

  static Command make(Workspace workspace, String namespace, String... words) {
    return make(workspace, Map.of(), namespace, words);
  }

  /** The same with variables for the program. */
  static Command make(
      Workspace workspace, Map<String, String> variables, String namespace, String... words) {
    List<String> command = new ArrayList<>(List.of("make", "--silent", "--no-print-directory"));
    command.addAll(List.of(words));
    command.add("NAMESPACE=" + namespace);
    if (Repository.hasStandIn()) {
      command.add("STANDIN=1");
    }
    Map<String, String> environment = new HashMap<>(variables);
    environment.put("KUBECONFIG", workspace.cluster().kubeconfig().toString());
    environment.put("MAKEFLAGS", "");
    return workspace.record(Command.run(MOST, environment, command));
  }
}
