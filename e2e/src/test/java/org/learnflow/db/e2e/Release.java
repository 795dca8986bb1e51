package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.LocalPortForward;
import io.fabric8.kubernetes.client.dsl.RollableScalableResource;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The release learnflow-db in a namespace, as people install it. */
final class Release {
  static final String NAME = "learnflow-db";

  /** The periodic run is there, but never comes by itself: the tests start its Jobs. */
  static final String[] RECONCILE_NEVER = {"--set-string", "reconcile.schedule=0 0 31 2 *"};

  private static final String CHART = "charts/learnflow-db";

  /** Four times what an installation takes while two other tests run beside it. */
  private static final Duration MOST = Duration.ofSeconds(180);

  private final Workspace workspace;
  private final String helm;
  private final String namespace;
  private final String values;

  /** What Helm does everything as; empty for whom the kubeconfig names. */
  private final List<String> user;

  /**
   * A release that need not be there yet.
   *
   * @param helm the tool: {@code helm} or {@code helm3}
   * @param values a file in the repository's root, such as {@code values-dev.yaml}
   */
  Release(Workspace workspace, String helm, String namespace, String values) {
    this(workspace, helm, namespace, values, List.of());
  }

  private Release(
      Workspace workspace, String helm, String namespace, String values, List<String> user) {
    this.workspace = workspace;
    this.helm = helm;
    this.namespace = namespace;
    this.values = values;
    this.user = user;
  }

  /** The same, deployed by a user who cannot make namespaces. */
  Release by(String name) {
    return new Release(workspace, helm, namespace, values, List.of("--kube-as-user", name));
  }

  String namespace() {
    return namespace;
  }

  /** The command of the README; {@code options} come last. */
  Command upgradeInstall(String... options) {
    return run(upgradeInstallCommand(options));
  }

  /** The same as a process that can be killed. */
  Process startUpgradeInstall(String... options) {
    return start(upgradeInstallCommand(options));
  }

  private List<String> upgradeInstallCommand(String... options) {
    List<String> words =
        new ArrayList<>(
            List.of("upgrade", "--install", NAME, CHART, "-n", namespace, "-f", values));
    if (user.isEmpty()) {
      words.add("--create-namespace");
    }
    words.addAll(Images.values());
    words.addAll(Arrays.asList(options));
    return helmCommand(words);
  }

  Command test() {
    return helm(List.of("test", NAME, "-n", namespace, "--logs"));
  }

  Command uninstall() {
    return helm(List.of("uninstall", NAME, "-n", namespace));
  }

  /** What Helm said after the last installation or upgrade. */
  String notes() {
    return helm(List.of("get", "notes", NAME, "-n", namespace)).successful().output();
  }

  /** Everything that Helm has kept about the release: values, manifests, hooks, notes. */
  Command kept() {
    return helm(List.of("get", "all", NAME, "-n", namespace));
  }

  /** The manifests, for those who apply them themselves. */
  Command template(String... options) {
    return run(templateCommand(options));
  }

  /** The manifest of the migrate Job. */
  String migrateJob(String... options) {
    List<String> all = new ArrayList<>(List.of("--show-only", "templates/migrate-job.yaml"));
    all.addAll(List.of(options));
    return template(all.toArray(String[]::new)).successful().output();
  }

  private List<String> templateCommand(String... options) {
    List<String> words = new ArrayList<>(List.of("template", NAME, CHART, "-n", namespace));
    words.addAll(List.of("-f", values));
    words.addAll(Images.values());
    words.addAll(Arrays.asList(options));
    return helmCommand(words);
  }

  /** {@link #upgradeInstall} that goes on while the test does something else. */
  CompletableFuture<Command> upgradeInstallMeanwhile(String... options) {
    return CompletableFuture.supplyAsync(
        () -> upgradeInstall(options), task -> Thread.ofVirtual().start(task));
  }

  /** {@link #template} without hooks, piped into kubectl. */
  Command apply() {
    List<String> words =
        new ArrayList<>(List.of("sh", "-c", "\"$@\" | kubectl apply --server-side -f -", "sh"));
    words.addAll(templateCommand("--no-hooks"));
    return run(words);
  }

  /** The program on this machine, as make build leaves it. */
  Command learnflowDb(String... words) {
    return run(learnflowDbCommand(words));
  }

  /** The same as a process that can be killed. */
  Process startLearnflowDb(String... words) {
    return start(learnflowDbCommand(words));
  }

  private List<String> learnflowDbCommand(String... words) {
    List<String> command = new ArrayList<>(List.of("migrator/target/dist/bin/learnflow-db"));
    command.addAll(List.of(words));
    command.addAll(List.of("--release", NAME, "--namespace", namespace));
    return command;
  }

  /** Back to a revision. */
  Command rollback(int revision, String... options) {
    List<String> words =
        new ArrayList<>(List.of("rollback", NAME, String.valueOf(revision), "-n", namespace));
    words.addAll(List.of(options));
    return helm(words);
  }

  /** The next command that is printed after Helm was killed. */
  Command rollbackWithoutHooks() {
    return helm(List.of("rollback", NAME, "-n", namespace, "--no-hooks"));
  }

  /** The metrics' exporter, as this machine reaches it. */
  LocalPortForward exporter() {
    return client().services().inNamespace(namespace).withName(NAME + "-metrics").portForward(9187);
  }

  /** PostgreSQL's StatefulSet. */
  RollableScalableResource<StatefulSet> statefulSet() {
    return client().apps().statefulSets().inNamespace(namespace).withName("postgres");
  }

  /** Waits until Helm has started its first hook again, and so is between its hooks. */
  void awaitHook() {
    var hook =
        client().pods().inNamespace(namespace).withName(NAME + "-image-pull-and-credentials");
    hook.waitUntilCondition(Objects::nonNull, 30, TimeUnit.SECONDS);
  }

  /** Status of the newest revisions, the last one last, such as {@code deployed}. */
  List<String> history() {
    String json =
        helm(List.of("history", NAME, "-n", namespace, "-o", "json")).successful().output();
    return Serialization.unmarshal(json, ArrayNode.class)
        .valueStream()
        .map(revision -> revision.path("status").asText())
        .toList();
  }

  /** A page's commands, with helm and the program on PATH. */
  Command shell(String script) {
    return run(
        List.of(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            "PATH=\"$PWD/tools/bin:$PWD/migrator/target/dist/bin:$PATH\"\n" + script));
  }

  private Command helm(List<String> words) {
    return run(helmCommand(words));
  }

  private List<String> helmCommand(List<String> words) {
    List<String> command = new ArrayList<>(List.of(Repository.tool(helm).toString()));
    command.addAll(words);
    command.addAll(user);
    return command;
  }

  private Command run(List<String> words) {
    return workspace.record(Command.run(MOST, environment(), words));
  }

  private Process start(List<String> words) {
    ProcessBuilder builder =
        new ProcessBuilder(words)
            .directory(Repository.ROOT.toFile())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD);
    builder.environment().putAll(environment());
    try {
      return builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Map<String, String> environment() {
    return Map.of("KUBECONFIG", workspace.cluster().kubeconfig().toString());
  }

  /** The Secret with the passwords; null where it is not there. */
  Secret credentials() {
    return secret(namespace, NAME + "-credentials");
  }

  /** Fails where one of the passwords stands in a text. */
  void assertNoPasswordIn(String... texts) {
    Map<String, String> values = decoded(credentials());
    // A role's name is no password.
    values.keySet().removeIf(key -> !key.contains("password"));
    for (String password : values.values()) {
      for (String text : texts) {
        // AssertJ would print it.
        assertThat(text.contains(password)).as("a password is shown").isFalse();
      }
    }
  }

  /** What services get in a namespace, if they read all of it. */
  Map<String, String> published(String in) {
    Map<String, String> keys = new TreeMap<>(decoded(secret(in, NAME + "-env")));
    ConfigMap open = client().configMaps().inNamespace(in).withName(NAME).get();
    keys.putAll(open.getData());
    return keys;
  }

  /** The Secret to mount as files. */
  Map<String, String> binding(String in) {
    return decoded(secret(in, NAME));
  }

  Secret secret(String in, String name) {
    return client().secrets().inNamespace(in).withName(name).get();
  }

  static Map<String, String> decoded(Secret secret) {
    Map<String, String> values = new TreeMap<>();
    secret
        .getData()
        .forEach((key, value) ->
            values.put(key, new String(Base64.getDecoder().decode(value), StandardCharsets.UTF_8)));
    return values;
  }

  private KubernetesClient client() {
    return workspace.client();
  }
}
