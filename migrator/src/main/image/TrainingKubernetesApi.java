import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * As much of a Kubernetes API server, over TLS on 127.0.0.1, as one pipeline run asks of it: objects
 * can be read and applied. For training only; every test of publishing uses a real one.
 */
final class TrainingKubernetesApi implements AutoCloseable {
  private static final String PASSWORD = "training";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path certificate;
  private final HttpsServer server;
  private final Map<String, ObjectNode> objects = new ConcurrentHashMap<>();

  TrainingKubernetesApi(Path directory)
      throws IOException, InterruptedException, GeneralSecurityException {
    Path keys = directory.resolve("kubernetes.p12");
    certificate = directory.resolve("kubernetes.crt");
    keytool(
        "-genkeypair", "-alias", "api", "-keyalg", "RSA", "-dname", "CN=training", "-validity",
        "2", "-ext", "SAN=ip:127.0.0.1", "-keystore", keys.toString(), "-storepass", PASSWORD);
    keytool(
        "-exportcert", "-rfc", "-alias", "api", "-file", certificate.toString(), "-keystore",
        keys.toString(), "-storepass", PASSWORD);
    server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(tls(keys)));
    server.createContext("/", this::answer);
    server.start();
  }

  /** The environment of a process that shall take this server for its cluster's. */
  Map<String, String> environment() {
    return Map.of(
        "KUBERNETES_MASTER", "https://127.0.0.1:" + server.getAddress().getPort(),
        "KUBERNETES_CERTS_CA_FILE", certificate.toString(),
        "KUBERNETES_AUTH_TOKEN", "training",
        "KUBERNETES_NAMESPACE", "postgres",
        "KUBERNETES_SERVICE_HOST", "127.0.0.1");
  }

  /**
   * Fails where the run that was trained did not publish.
   *
   * @throws IllegalStateException with the objects that were applied
   */
  void checkPublished() {
    if (objects.size() != 3) {
      throw new IllegalStateException("the training run published only " + objects.keySet());
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
      if (exchange.getRequestMethod().equals("PATCH")) {
        ObjectNode object = (ObjectNode) new YAMLMapper().readTree(body);
        ((ObjectNode) object.get("metadata"))
            .put("uid", UUID.randomUUID().toString())
            .put("resourceVersion", String.valueOf(objects.size() + 1));
        objects.put(path, object);
      }
      ObjectNode object = objects.get(path);
      byte[] answer = JSON.writeValueAsBytes(object == null ? notFound() : object);
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(object == null ? 404 : 200, answer.length);
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

  private static void keytool(String... arguments) throws IOException, InterruptedException {
    Programs.run(Map.of(), Programs.jdk("keytool"), arguments);
  }
}
