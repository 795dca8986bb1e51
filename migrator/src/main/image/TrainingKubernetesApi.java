import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import lib.Programs;

/**
 * As much of a Kubernetes API server, over TLS on 127.0.0.1, as one pipeline run asks of it: a
 * StatefulSet with a pod that is ready, and objects that can be read and applied. As a real one, it
 * has a certificate from a certificate authority and would take one from its clients. For training
 * only; every test of publishing uses a real one.
 */
final class TrainingKubernetesApi implements AutoCloseable {
  private static final String PASSWORD = "training";
  static final String STATEFUL_SET = "postgres";
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final List<String> PUBLISHED =
      Stream.of("secrets/learnflow-db", "secrets/learnflow-db-env", "configmaps/learnflow-db")
          .map("/api/v1/namespaces/postgres/"::concat)
          .toList();

  private final Path directory;
  private final Path certificate;
  private final HttpsServer server;
  private final Map<String, ObjectNode> objects = new ConcurrentHashMap<>();
  private final Map<String, ObjectNode> applied = new ConcurrentHashMap<>();

  TrainingKubernetesApi(Path directory)
      throws IOException, InterruptedException, GeneralSecurityException {
    this.directory = directory;
    Path keys = directory.resolve("kubernetes.p12");
    certificate = directory.resolve("kubernetes.crt");
    makeCertificates(directory, keys);
    putReleaseObjects();
    server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(
        new HttpsConfigurator(tls(keys)) {
          @Override
          public void configure(HttpsParameters parameters) {
            SSLParameters wanted = getSSLContext().getDefaultSSLParameters();
            wanted.setWantClientAuth(true);
            parameters.setSSLParameters(wanted);
          }
        });
    server.createContext("/", this::answer);
    server.start();
  }

  /** The environment of a process that shall take this server for its cluster's. */
  Map<String, String> environment() {
    return Map.of(
        "KUBERNETES_AUTH_TRYKUBECONFIG", "false",
        "KUBERNETES_MASTER", "https://127.0.0.1:" + server.getAddress().getPort(),
        "KUBERNETES_CERTS_CA_FILE", certificate.toString(),
        "KUBERNETES_AUTH_TOKEN", "training",
        "KUBERNETES_NAMESPACE", "postgres",
        "KUBERNETES_SERVICE_HOST", "127.0.0.1");
  }

  /** The environment of a process outside of it, which reads a kubeconfig. */
  Map<String, String> outsideEnvironment() throws IOException {
    Path kubeconfig = directory.resolve("kubeconfig");
    Files.writeString(
        kubeconfig,
        """
        apiVersion: v1
        kind: Config
        clusters:
          - name: training
            cluster: {server: "https://127.0.0.1:%d", certificate-authority: "%s"}
        users: [{name: training, user: {token: training}}]
        contexts: [{name: training, context: {cluster: training, user: training, namespace: postgres}}]
        current-context: training
        """
            .formatted(server.getAddress().getPort(), certificate));
    return Map.of("KUBECONFIG", kubeconfig.toString());
  }

  /**
   * Fails where the run that was trained did not publish.
   *
   * @throws IllegalStateException with the objects that were applied
   */
  void checkPublished() {
    if (!applied.keySet().containsAll(PUBLISHED)) {
      throw new IllegalStateException("the training run published only " + applied.keySet());
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    try (exchange;
        InputStream body = exchange.getRequestBody()) {
      boolean isNew = !objects.containsKey(path);
      if (exchange.getRequestMethod().equals("PATCH")) {
        ObjectNode object = (ObjectNode) new YAMLMapper().readTree(body);
        ((ObjectNode) object.get("metadata"))
            .put("uid", UUID.randomUUID().toString())
            .put("resourceVersion", String.valueOf(applied.size() + 1));
        objects.put(path, object);
        applied.put(path, object);
      }
      ObjectNode object = objects.get(path);
      byte[] answer = JSON.writeValueAsBytes(object == null ? notFound() : object);
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(object == null ? 404 : isNew ? 201 : 200, answer.length);
      exchange.getResponseBody().write(answer);
    }
  }

  private static ObjectNode notFound() {
    return JSON.createObjectNode()
        .put("kind", "Status")
        .put("apiVersion", "v1")
        .put("status", "Failure")
        .put("reason", "NotFound")
        .put("message", "not found")
        .put("code", 404);
  }

  private static SSLContext tls(Path keys) throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(keys)) {
      store.load(in, PASSWORD.toCharArray());
    }
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(store, PASSWORD.toCharArray());
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    return context;
  }

  /**
   * The StatefulSet with its pod, the published objects' owner, and one of them as it was before.
   */
  private void putReleaseObjects() throws IOException {
    put(
        "/apis/apps/v1/namespaces/postgres/statefulsets/" + STATEFUL_SET,
        """
        {"kind": "StatefulSet", "apiVersion": "apps/v1", "metadata": {"name": "postgres", "generation": 1},
         "spec": {"replicas": 1, "selector": {"matchLabels": {"app.kubernetes.io/instance": "learnflow-db"}}},
         "status": {"observedGeneration": 1, "updateRevision": "postgres-1"}}
        """);
    put(
        "/api/v1/namespaces/postgres/pods/postgres-0",
        """
        {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "postgres-0",
          "labels": {"app.kubernetes.io/instance": "learnflow-db", "controller-revision-hash": "postgres-1"}},
         "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        """);
    put(
        "/api/v1/namespaces/postgres/configmaps/learnflow-db-owner",
        """
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "learnflow-db-owner", "uid": "1"}}
        """);
    put(
        "/api/v1/namespaces/postgres/secrets/learnflow-db",
        """
        {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "learnflow-db"},
         "type": "servicebinding.io/postgresql", "data": {"port": "MQ=="}}
        """);
  }

  private void put(String path, String object) throws IOException {
    objects.put(path, (ObjectNode) JSON.readTree(object));
  }

  /** An RSA authority, as kubeadm makes it, and an EC certificate, so that both are trained. */
  private void makeCertificates(Path directory, Path keys)
      throws IOException, InterruptedException {
    Path authority = directory.resolve("authority.p12");
    Path request = directory.resolve("kubernetes.csr");
    Path signed = directory.resolve("signed.crt");
    keytool(
        authority,
        "-genkeypair",
        "-alias",
        "ca",
        "-keyalg",
        "RSA",
        "-dname",
        "CN=ca",
        "-ext",
        "BasicConstraints:critical=ca:true");
    keytool(authority, "-exportcert", "-rfc", "-alias", "ca", "-file", certificate.toString());
    keytool(keys, "-genkeypair", "-alias", "api", "-keyalg", "EC", "-dname", "CN=api");
    keytool(keys, "-certreq", "-alias", "api", "-file", request.toString());
    keytool(
        authority,
        "-gencert",
        "-rfc",
        "-alias",
        "ca",
        "-infile",
        request.toString(),
        "-outfile",
        signed.toString(),
        "-ext",
        "SAN=ip:127.0.0.1",
        "-ext",
        "ExtendedKeyUsage=serverAuth");
    keytool(keys, "-importcert", "-noprompt", "-alias", "ca", "-file", certificate.toString());
    keytool(keys, "-importcert", "-alias", "api", "-file", signed.toString());
  }

  private static void keytool(Path store, String... arguments)
      throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(List.of(Programs.jdk("keytool")));
    all.addAll(List.of(arguments));
    all.addAll(List.of("-keystore", store.toString(), "-storepass", PASSWORD));
    Programs.run(all);
  }
}
