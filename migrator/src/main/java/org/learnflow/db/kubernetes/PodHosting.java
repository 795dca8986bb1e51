package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Hosting;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.postgres.SqlStates;

/** A database in a pod of the release's namespace, whose roles have the release's passwords. */
public abstract class PodHosting implements Hosting {
  final KubernetesApi api;
  final String namespace;
  final String release;
  final String name;
  private final boolean forwarded;
  private @Nullable Integer forwardedPort;

  /**
   * A database.
   *
   * @param name of the object that runs it
   * @param forwarded whether a port of its pod is forwarded to this machine, for a process outside
   *     the cluster
   */
  PodHosting(KubernetesApi api, String namespace, String release, String name, boolean forwarded) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
    this.name = name;
    this.forwarded = forwarded;
  }

  /** Whether this process reaches the database through the API server only. */
  final boolean isForwarded() {
    return forwarded;
  }

  /** The pod that takes writes, if there is one. */
  abstract Optional<JsonNode> pod();

  /**
   * Name of the pod that takes writes, whether or not it is there.
   *
   * @throws Failure 4 if there is none yet
   */
  abstract String podName();

  /** The port in the pod to which the Service's port leads. */
  abstract int containerPort(int servicePort);

  /** The password of a role is not that of the Secret. */
  abstract Failure passwordRefused(Failure refused);

  /** A hook renewed it a moment ago; who asks from outside wants to know how it is now. */
  @Override
  public boolean renewsCertificate() {
    return !forwarded;
  }

  @Override
  public DatabaseAddress route(DatabaseAddress address) {
    if (!forwarded) {
      return address;
    }
    int port =
        Optional.ofNullable(forwardedPort)
            .orElseGet(
                () -> api.pods().forward(namespace, podName(), containerPort(address.port())));
    forwardedPort = port;
    // The certificate is made out to the Service's name; the API server has checked the way there.
    boolean strict = address.sslMode() == SslMode.VERIFY_FULL;
    return new DatabaseAddress(
        "127.0.0.1",
        port,
        address.database(),
        address.user(),
        strict ? SslMode.VERIFY_CA : address.sslMode(),
        address.rootCertificate());
  }

  @Override
  public Failure explained(Failure refused, Optional<Password> password) {
    if (!SqlStates.of(refused).equals(SqlStates.INVALID_PASSWORD)) {
      return refused;
    }
    Optional<Failure> rotation =
        password.flatMap(used -> replaced(used).or(() -> beingReplaced(used)));
    if (rotation.isPresent()) {
      Failure known = rotation.get().what(rotation.get().what() + ": " + refused.what());
      return refused.where().map(known::where).orElse(known).causedBy(refused);
    }
    return passwordRefused(refused);
  }

  @Override
  public Optional<Failure> replaced(Password password) {
    return credentials()
        .filter(secret ->
            !CredentialsSecret.current(secret).containsValue(password)
                && !CredentialsSecret.pending(secret).containsValue(password))
        .map(_ ->
            Failure.of(ExitCode.FAILED, "the password was replaced after this command read it")
                .where("Secret %s in namespace %s".formatted(credentialsName(), namespace))
                .state("nothing was changed by this step")
                .next("run the same command again; a Job's next pod reads the new one"));
  }

  @Override
  public Optional<Failure> beingReplaced(Password password) {
    return credentials()
        .filter(secret ->
            CredentialsSecret.pending(secret).keySet().stream()
                .anyMatch(key -> password.equals(CredentialsSecret.current(secret).get(key))))
        .map(secret ->
            Failure.of(
                    ExitCode.CREDENTIALS_REFUSED,
                    CredentialsSecret.interrupted(
                        credentialsName(), CredentialsSecret.pending(secret).keySet()))
                .where("namespace " + namespace)
                .state("nothing was changed by this step; open sessions continue")
                .next("finish it: " + CredentialsSecret.rotation(release, namespace)));
  }

  private String credentialsName() {
    return CredentialsSecret.ofRelease(release);
  }

  /** The release's own Secret, where there is one and it may be read. */
  private Optional<JsonNode> credentials() {
    try {
      return api.get(Kind.SECRET, namespace, credentialsName());
    } catch (Failure e) {
      return Optional.empty();
    }
  }

  /** Whether a pod serves. */
  static boolean isReady(JsonNode pod) {
    return PodDiagnosis.condition(pod, "Ready")
        .filter(condition -> condition.path("status").asText().equals("True"))
        .isPresent();
  }
}
