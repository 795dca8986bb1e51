package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Secret;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Password;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;

/** {@code credentials ensure}: makes what is missing, and never shuts anybody out of the data. */
class CredentialsSecretTest {
  private static final int ROUNDS = Integer.getInteger("race.rounds", 20);

  private static final String CLAIM =
      """
      apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: %s
        labels: {app.kubernetes.io/instance: %s, app.kubernetes.io/name: %s}
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Gi}}
      status: {phase: Bound}
      """;

  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.require("credentials ensure is");
  }

  private CliResult ensure(String... more) {
    return server.ensure(List.of(), more);
  }

  private Secret secret() {
    return server
        .client()
        .secrets()
        .inNamespace(server.namespace())
        .withName("learnflow-db-credentials")
        .get();
  }

  private Map<String, String> passwords() {
    return KubernetesTargetTest.decoded(secret());
  }

  private void remove(String... keys) {
    server
        .client()
        .resource(secret())
        .edit(secret -> {
          secret.getData().keySet().removeAll(List.of(keys));
          return secret;
        });
  }

  @Test
  void threePasswordsAreMadeThatNeedNoEscapingAnywhere() {
    CliResult result = ensure();

    assertThat(result).exited(ExitCode.OK);
    assertThat(passwords().keySet())
        .containsExactlyInAnyOrder("postgres-password", "password", "app-password");
    assertThat(passwords().values())
        .doesNotHaveDuplicates()
        .allMatch(password -> password.matches("[A-Za-z0-9]{32}"))
        .noneMatch(result.all()::contains);
    assertThat(secret().getMetadata().getOwnerReferences()).isEmpty();
    assertThat(secret().getMetadata().getLabels())
        .containsEntry("app.kubernetes.io/managed-by", "learnflow-db")
        .doesNotContainKey("app.kubernetes.io/instance");
  }

  @Test
  void aSecondRunChangesNothing() {
    ensure();
    Secret before = secret();

    assertThat(ensure())
        .exited(ExitCode.OK)
        .answers(
            "Secret learnflow-db-credentials in namespace %s: exists, unchanged"
                .formatted(server.namespace()));
    assertThat(secret()).isEqualTo(before);
  }

  @Test
  void eightAtOnceEndWithOneSecret() {
    List<CompletableFuture<CliResult>> runs = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      runs.add(CompletableFuture.supplyAsync(this::ensure, task -> Thread.ofVirtual().start(task)));
    }

    List<CliResult> results = runs.stream().map(CompletableFuture::join).toList();

    assertThat(results).allSatisfy(result -> assertThat(result).exited(ExitCode.OK));
    assertThat(results).filteredOn(result -> result.out().contains("created ")).hasSize(1);
  }

  /** All of them have seen nothing there; each brings passwords of its own. */
  @Test
  void ofEightThatMakeItInTheSameMomentOneDoes() throws Exception {
    for (int round = 0; round < ROUNDS; round++) {
      String name = "race-" + round;
      CyclicBarrier together = new CyclicBarrier(8);
      List<CompletableFuture<Optional<JsonNode>>> makers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        ObjectNode wanted =
            KubernetesApi.object()
                .put("apiVersion", "v1")
                .put("kind", "Secret")
                .put("type", "Opaque");
        wanted.putObject("metadata").put("name", name);
        wanted.putObject("data").put("password", "bWFrZXIt" + "ABCDEFGH".charAt(i) + "A==");
        makers.add(
            CompletableFuture.supplyAsync(
                () -> {
                  await(together);
                  return server.api().make(Kind.SECRET, server.namespace(), wanted);
                },
                task -> Thread.ofVirtual().start(task)));
      }

      List<JsonNode> made =
          makers.stream().map(CompletableFuture::join).flatMap(Optional::stream).toList();

      assertThat(made).hasSize(1);
      JsonNode there = server.api().get(Kind.SECRET, server.namespace(), name).orElseThrow();
      assertThat(there).isEqualTo(made.getFirst());
      assertThat(there.at("/metadata/managedFields")).hasSize(1);
    }
  }

  @Test
  void everyMakerReadsTheSamePasswordsWhenItIsDone() {
    for (int round = 0; round < ROUNDS; round++) {
      CyclicBarrier together = new CyclicBarrier(8);
      List<CompletableFuture<Map<String, Password>>> makers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        makers.add(
            CompletableFuture.supplyAsync(
                () -> {
                  CredentialsSecret own =
                      new CredentialsSecret(
                          server.api(),
                          server.namespace(),
                          "learnflow-db",
                          "learnflow-db-credentials",
                          "",
                          true,
                          List.of());
                  await(together);
                  own.ensure(List.of(), List.of());
                  return own.current();
                },
                task -> Thread.ofVirtual().start(task)));
      }
      assertThat(makers.stream().map(CompletableFuture::join).distinct())
          .singleElement()
          .satisfies(passwords -> assertThat(passwords).hasSize(3));
      server.client().resource(secret()).delete();
    }
  }

  private static void await(CyclicBarrier together) {
    try {
      together.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aLostSecretWithALivingVolumeIsRefused() {
    for (String claim :
        List.of(
            CLAIM.formatted("data-postgres-0", "learnflow-db", "thing"),
            CLAIM.formatted("volume", "learnflow-db", "postgresql"))) {
      server.apply(claim);
      CliResult result = ensure("--stateful-set", "postgres");
      assertThat(result)
          .exited(ExitCode.REFUSED)
          .says(
              "Secret learnflow-db-credentials does not exist, but its data volume does",
              "credentials repair --stateful-set postgres --release learnflow-db --namespace "
                  + server.namespace()
                  + ";",
              "delete pvc");
      assertThat(secret()).isNull();
      server
          .client()
          .persistentVolumeClaims()
          .inNamespace(server.namespace())
          .withGracePeriod(0)
          .delete();
      removeFinalizers();
    }
    assertThat(ensure("--stateful-set", "postgres")).exited(ExitCode.OK);
  }

  /** There is no controller here that does it. */
  private void removeFinalizers() {
    var claims = server.client().persistentVolumeClaims().inNamespace(server.namespace());
    claims
        .list()
        .getItems()
        .forEach(claim ->
            claims
                .withName(claim.getMetadata().getName())
                .edit(edited -> {
                  edited.getMetadata().setFinalizers(List.of());
                  return edited;
                }));
  }

  @Test
  void claimsOfOthersDoNotMatter() {
    server.apply(CLAIM.formatted("data-postgres-0", "other", "postgresql"));
    assertThat(ensure("--stateful-set", "learnflow")).exited(ExitCode.OK);
  }

  @Test
  void anExistingClaimMayHoldDataUnlessItHasNoVolumeYet() {
    String[] named = {"--stateful-set", "postgres", "--data-claim", "mine"};
    server.apply(CLAIM.formatted("mine", "nobody", "thing"));
    assertThat(ensure(named))
        .exited(ExitCode.REFUSED)
        .says("its data volume does: PersistentVolumeClaim mine");
    assertThat(secret()).isNull();

    server
        .client()
        .persistentVolumeClaims()
        .inNamespace(server.namespace())
        .withName("mine")
        .editStatus(claim -> {
          claim.getStatus().setPhase("Pending");
          return claim;
        });
    assertThat(ensure(named)).exited(ExitCode.OK);
  }

  /** Whose finalizer holds it, that is gone the moment the finalizer is. */
  @Test
  void aSecretThatIsBeingDeletedIsNotTakenForOneThatIsThere() {
    ensure();
    hold(List.of("example.org/hold"));
    server.client().resource(secret()).delete();

    assertThat(ensure())
        .exited(ExitCode.REFUSED)
        .says(
            "Secret learnflow-db-credentials, with the passwords, is being deleted",
            "held by finalizer example.org/hold",
            "the passwords exist until it is deleted",
            "get secret learnflow-db-credentials -o yaml");

    hold(List.of());
    assertThat(ensure()).exited(ExitCode.OK);
  }

  private void hold(List<String> finalizers) {
    server
        .client()
        .resource(secret())
        .edit(secret -> {
          secret.getMetadata().setFinalizers(finalizers);
          return secret;
        });
  }

  @Test
  void withoutDataMissingKeysAreAddedAndTheOthersKept() {
    ensure();
    Map<String, String> expected = new TreeMap<>(passwords());
    remove("postgres-password", "app-password");

    assertThat(ensure())
        .exited(ExitCode.OK)
        .answers(
            "Secret learnflow-db-credentials in namespace %s: created postgres-password, app-password"
                .formatted(server.namespace()));

    assertThat(passwords()).containsOnlyKeys(expected.keySet());
    assertThat(passwords()).containsEntry("password", expected.get("password"));
  }

  @Test
  void withDataOnlyTheServicesPasswordIsAdded() {
    ensure();
    server.apply(CLAIM.formatted("data-postgres-0", "learnflow-db", "postgresql"));
    remove("app-password");
    assertThat(ensure()).exited(ExitCode.OK);

    remove("postgres-password");
    Map<String, String> before = passwords();
    assertThat(ensure())
        .exited(ExitCode.REFUSED)
        .says("lacks postgres-password", "data-postgres-0", "credentials repair");
    assertThat(passwords()).isEqualTo(before);
  }

  private CliResult repair(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "credentials",
                "repair",
                "--release",
                "learnflow-db",
                "--namespace",
                server.namespace()));
    arguments.addAll(List.of(more));
    return new Cli(Map.of()).run(arguments.toArray(String[]::new));
  }

  /** The way out of a lost Secret where nothing is installed, in front of a living volume. */
  @Test
  void repairMakesALostSecretAlthoughThereIsData() {
    server.apply(CLAIM.formatted("data-postgres-0", "learnflow-db", "postgresql"));
    assertThat(repair())
        .exited(ExitCode.REFUSED)
        .says(
            "confirmation is required, but there is no terminal",
            "new passwords will be created",
            "--yes");
    assertThat(secret()).isNull();

    assertThat(repair("--yes"))
        .exited(ExitCode.OK)
        .says("install the release", "run this command again")
        .answers(
            "release learnflow-db is not installed; Secret learnflow-db-credentials: created"
                + " postgres-password, password, app-password");
    Map<String, String> made = passwords();
    assertThat(ensure()).exited(ExitCode.OK);
    assertThat(repair())
        .exited(ExitCode.OK)
        .answers(
            "release learnflow-db is not installed; Secret learnflow-db-credentials: complete");
    assertThat(passwords()).isEqualTo(made);
  }

  @Test
  void onlyAReleaseIsRepaired() {
    assertThat(new Cli(Map.of()).run("credentials", "repair", "--yes"))
        .exited(ExitCode.USAGE)
        .says("only a release can be repaired", "--release NAME");
  }

  @Test
  void aMissingNamespaceIsNamed() {
    assertThat(new Cli(Map.of()).run("credentials", "ensure", "--namespace", "no-such-namespace"))
        .exited(ExitCode.NOT_DEPLOYED)
        .says("namespace no-such-namespace does not exist", "kubectl create namespace");
  }

  @Test
  void aNamespaceThatIsBeingDeletedIsNamed() {
    server.apply(CLAIM.formatted("keeps-it", "other", "thing"));
    server.client().namespaces().withName(server.namespace()).delete();

    assertThat(ensure()).exited(ExitCode.FAILED).says("it is being terminated");
  }

  @Test
  void anUnknownContextIsAUsageError() {
    assertThat(ensure("--context", "nonsense"))
        .exited(ExitCode.USAGE)
        .says("the kubeconfig has no context nonsense", "choose one of: ");
  }
}
