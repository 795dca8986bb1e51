package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The example's Cluster of CloudNativePG in a namespace. The operator is the real one, in the
 * cluster by its own manifest; the first test installs it for all, and it stays.
 */
final class CloudNativePg {
  static final String NAME = "learnflow-pg";
  static final String VALUES = "examples/cloudnative-pg/values.yaml";

  private static final ResourceDefinitionContext KIND =
      Controllers.kind("postgresql.cnpg.io", "v1", "Cluster");
  private static final Path MODULE = Repository.ROOT.resolve("e2e/cnpg/go/cloudnative-pg");
  private static final Duration MOST = Duration.ofSeconds(240);

  private final Workspace workspace;
  private final String namespace;

  CloudNativePg(Workspace workspace, String namespace) {
    this.workspace = workspace;
    this.namespace = namespace;
    install();
  }

  /** As its documentation says; its image is on the node already. */
  private void install() {
    synchronized (CloudNativePg.class) {
      kubectl(
          """
          sed 's/imagePullPolicy: Always/imagePullPolicy: IfNotPresent/' "$1" \\
            | kubectl apply --server-side --force-conflicts -f - >/dev/null
          kubectl -n cnpg-system rollout status deployment/cnpg-controller-manager --timeout=100s
          """,
          Controllers.released(MODULE, "releases/cnpg-1.30.0.yaml").toString());
      // It is ready before its webhooks answer.
      Eventually.within(
          MOST,
          "CloudNativePG's webhooks answer",
          () -> kubectlSays("kubectl -n \"$1\" apply --dry-run=server -f - <\"$2\"", example()));
    }
  }

  /** The example, on the tests' image and with less than it asks for. */
  static String manifest() {
    return Repository.example("cloudnative-pg/cluster.yaml")
        .replaceFirst(
            "imageName: .*",
            "imageName: learnflow.test/postgresql:17\n  postgresUID: 999\n  postgresGID: 999")
        .replaceFirst("requests: .*", "requests: {cpu: 50m, memory: 768Mi}")
        .replaceFirst("limits: .*", "limits: {cpu: \"1\", memory: 1Gi}")
        // A new replica waits for a checkpoint of the primary, which takes its time.
        .replaceFirst("(\\s+)(shared_buffers: .*)", "$1$2$1checkpoint_timeout: 30s")
        .replace("size: 10Gi", "size: 1Gi");
  }

  private String example() {
    Path file = Repository.ROOT.resolve("e2e/target/cnpg").resolve(namespace + ".yaml");
    Repository.write(file, manifest());
    return file.toString();
  }

  /** Applies the example with CloudNativePG's own backups, and all WAL, in a bucket. */
  void applyWithBackups(S3Store store) {
    apply(
        manifest().replace("postgresql:17", "postgresql-barman:17")
            // PostgreSQL would wait half an hour for a bucket that goes with the same namespace.
            + "  stopDelay: 20\n"
            + "  backup:\n"
            + store.barman("").indent(4));
  }

  /** Makes a base backup. */
  void backUp() {
    apply(
        """
        apiVersion: postgresql.cnpg.io/v1
        kind: Backup
        metadata: {name: base}
        spec: {cluster: {name: learnflow-pg}, method: barmanObjectStore}
        """);
    kubectl(
        "kubectl -n \"$1\" wait backup.postgresql.cnpg.io/base --for=jsonpath={.status.phase}=completed --timeout=120s",
        namespace);
  }

  /** Makes a Cluster of what this one was at a time, as PostgreSQL writes times. */
  void recover(String name, S3Store store, String time) {
    apply(
        """
        apiVersion: postgresql.cnpg.io/v1
        kind: Cluster
        metadata: {name: %s}
        spec:
          instances: 1
          imageName: learnflow.test/postgresql-barman:17
          postgresUID: 999
          postgresGID: 999
          enableSuperuserAccess: true
          storage: {size: 1Gi}
          bootstrap: {recovery: {source: origin, recoveryTarget: {targetTime: "%s"}}}
          externalClusters:
            - name: origin
        """
                .formatted(name, time)
            + store.barman("serverName: " + NAME).indent(6));
    kubectl(
        "kubectl -n \"$1\" wait \"cluster.postgresql.cnpg.io/$2\" --for=condition=Ready --timeout=220s",
        namespace,
        name);
  }

  /** What the primary answers to a query of the superuser. */
  String query(String database, String query) {
    return run(
            "kubectl -n \"$1\" exec \"$2\" -c postgres -- psql -qAt -v ON_ERROR_STOP=1 -d \"$3\" -c \"$4\"",
            namespace,
            primary(),
            database,
            query)
        .successful()
        .output()
        .strip();
  }

  /** Applies the example. */
  void apply() {
    kubectl("kubectl -n \"$1\" apply -f \"$2\"", namespace, example());
  }

  private void apply(String manifest) {
    kubectl("kubectl -n \"$1\" apply -f - <<<\"$2\"", namespace, manifest);
  }

  private boolean kubectlSays(String script, String file) {
    return run(script, namespace, file).exit() == 0;
  }

  private void kubectl(String script, String... words) {
    run(script, words).successful();
  }

  private Command run(String script, String... words) {
    return workspace.record(
        Command.run(
            MOST,
            Map.of("KUBECONFIG", workspace.cluster().kubeconfig().toString()),
            Stream.concat(
                    Stream.of("bash", "-euo", "pipefail", "-c", script, "bash"), Stream.of(words))
                .toList()));
  }

  /** The Cluster as it is. */
  Resource<GenericKubernetesResource> cluster() {
    return workspace
        .client()
        .genericKubernetesResources(KIND)
        .inNamespace(namespace)
        .withName(NAME);
  }

  /** Waits until all instances serve, and one takes writes. */
  void awaitHealthy() {
    cluster().waitUntilCondition(CloudNativePg::isHealthy, MOST.toSeconds(), TimeUnit.SECONDS);
  }

  private static boolean isHealthy(GenericKubernetesResource cluster) {
    return "Cluster in healthy state".equals(status(cluster, "phase"));
  }

  /** When its condition Ready became true. */
  Instant healthySince() {
    List<Map<String, Object>> conditions = cluster().get().get("status", "conditions");
    return conditions.stream()
        .filter(condition -> "Ready".equals(condition.get("type")))
        .map(condition -> Instant.parse(String.valueOf(condition.get("lastTransitionTime"))))
        .findFirst()
        .orElseThrow();
  }

  /** Name of the pod that takes writes. */
  String primary() {
    return Objects.requireNonNull(status(cluster().get(), "currentPrimary"));
  }

  private static String status(GenericKubernetesResource cluster, String field) {
    return cluster == null ? null : cluster.get("status", field);
  }

  /** Takes away the pod that takes writes at once, as a node that is lost does; says which. */
  String loseThePrimary() {
    String primary = primary();
    Pod pod = workspace.client().pods().inNamespace(namespace).withName(primary).get();
    workspace.client().resource(pod).withGracePeriod(0).delete();
    Eventually.within(
        MOST,
        "CloudNativePG has seen that " + primary + " is lost",
        () -> !isHealthy(cluster().get()) || !primary().equals(primary));
    return primary;
  }

  /** Runs SQL as the superuser in the primary's pod. */
  void sql(String database, String statement) {
    query(database, statement);
  }

  /**
   * Puts a Pooler in front of the primary, in transaction mode, with the Cluster's certificate.
   *
   * @return its host, as the Cluster's certificate has it
   */
  String addPooler() {
    String host = "%s-pooler.%s.svc.cluster.local".formatted(NAME, namespace);
    kubectl(
        "kubectl -n \"$1\" patch cluster.postgresql.cnpg.io \"$2\" --type merge -p \"$3\"",
        namespace,
        NAME,
        "{\"spec\": {\"certificates\": {\"serverAltDNSNames\": [\"%s\"]}}}".formatted(host));
    apply(
        """
        apiVersion: postgresql.cnpg.io/v1
        kind: Pooler
        metadata: {name: learnflow-pg-pooler}
        spec:
          cluster: {name: learnflow-pg}
          instances: 1
          type: rw
          pgbouncer: {poolMode: transaction}
          template:
            metadata: {labels: {app: pooler}}
            spec:
              containers:
                - name: pgbouncer
                  image: learnflow.test/pgbouncer:1
                  resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {cpu: 500m, memory: 128Mi}}
        """);
    kubectl(
        """
        kubectl -n "$1" wait deployment/learnflow-pg-pooler --for=create --timeout=60s
        kubectl -n "$1" wait deployment/learnflow-pg-pooler --for=condition=Available --timeout=120s
        """,
        namespace);
    return host;
  }

  /** Changes an annotation; null removes it. */
  void annotate(String key, String value) {
    kubectl(
        "kubectl -n \"$1\" annotate --overwrite cluster.postgresql.cnpg.io \"$2\" \"$3\"",
        namespace,
        NAME,
        value == null ? key + "-" : key + "=" + value);
  }
}
