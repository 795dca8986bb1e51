package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.learnflow.db.Elapsed;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Pause;
import org.learnflow.db.Progress;

/**
 * A database that CloudNativePG runs. SQL may be tried at any time, since its primary says best
 * whether it accepts writes; the Cluster's status says why nothing answers.
 */
public final class ClusterHosting extends PodHosting {
  /** The port of CloudNativePG's pods and Services; it has no other. */
  private static final int PORT = 5432;

  /** Scheduler and kubelet repeat what is still true. */
  private static final Duration RECENT = Duration.ofMinutes(10);

  /** CloudNativePG's EXPIRING_CHECK_THRESHOLD, by default. */
  private static final Duration RENEWAL = Duration.ofDays(7);

  /** CloudNativePG's name of the superuser; it has no other. */
  private static final String SUPERUSER = "postgres";

  private static final String INSTALL =
      "install its operator, as docs/how-to/cloudnative-pg.md says";

  private static final Duration POLL = Duration.ofMillis(500);

  ClusterHosting(
      KubernetesApi api, String namespace, String release, String name, boolean forwarded) {
    super(api, namespace, release, name, forwarded);
  }

  /** Two releases can name one Cluster. */
  @Override
  public Optional<String> tenant() {
    return Optional.of("%s in namespace %s".formatted(release, namespace));
  }

  /** A way to the primary's port needs the primary. */
  @Override
  public Optional<Obstacle> obstacle() {
    return isForwarded() ? cause() : Optional.empty();
  }

  @Override
  public Optional<Obstacle> cause() {
    try {
      Optional<JsonNode> cluster = cluster();
      if (cluster.isEmpty()) {
        return Optional.of(missing());
      }
      ClusterStatus status = ClusterStatus.of(cluster.get());
      // A replica that is missing keeps nobody from the primary.
      return status.isHealthy() || (isForwarded() && servesFrom(status))
          ? Optional.empty()
          : Optional.of(obstacle(status));
    } catch (Failure e) {
      return Optional.of(new Obstacle(e.what(), e.next().orElse("kubectl version")));
    }
  }

  private boolean servesFrom(ClusterStatus status) {
    return status.stopped().isEmpty()
        && status.primary().equals(status.target())
        && api.get(Kind.POD, namespace, status.primary()).filter(PodHosting::isReady).isPresent();
  }

  private Obstacle obstacle(ClusterStatus status) {
    String warning =
        status.stopped().isPresent()
            ? ""
            : new Events(api, namespace)
                .newestWarning(object -> isToServe(object, status), Instant.now().minus(RECENT))
                .map(text -> "; " + text)
                .orElse("");
    return new Obstacle(
        status.text() + warning,
        status.stopped().map(ClusterStatus.Stopped::next).orElseGet(this::describe));
  }

  private String describe() {
    return "kubectl -n %s describe %s %s".formatted(namespace, Kind.CLUSTER.singular(), name);
  }

  /** Whether it is the pod or claim that is to take writes, or any as long as none has done so. */
  private boolean isToServe(String object, ClusterStatus status) {
    return status.primary().isEmpty()
        ? object.equals(name) || object.matches(name + "-\\d+(-.*)?")
        : object.equals(status.primary()) || object.equals(status.target());
  }

  private Obstacle missing() {
    return api.serves(Kind.CLUSTER)
        ? new Obstacle(
            "Cluster %s does not exist".formatted(name),
            "create it: kubectl -n %s apply -f cluster.yaml; see docs/how-to/cloudnative-pg.md"
                .formatted(namespace))
        : new Obstacle(notInstalled(name), INSTALL);
  }

  private static String notInstalled(String name) {
    return "CloudNativePG, which runs Cluster %s, is not installed: the cluster does not serve %s"
        .formatted(name, Kind.CLUSTER.apiVersion());
  }

  /**
   * Refuses a cluster without CloudNativePG, before anything is created.
   *
   * @throws Failure 10 that says so
   */
  public static void requireInstalled(KubernetesApi api, String name) {
    if (!api.serves(Kind.CLUSTER)) {
      throw Failure.of(ExitCode.REFUSED, notInstalled(name))
          .state("nothing was changed")
          .next(INSTALL);
    }
  }

  private Optional<JsonNode> cluster() {
    return api.get(Kind.CLUSTER, namespace, name);
  }

  private Optional<String> primary() {
    return cluster()
        .map(cluster -> ClusterStatus.of(cluster).primary())
        .filter(primary -> !primary.isEmpty());
  }

  @Override
  Optional<JsonNode> pod() {
    return primary().flatMap(primary -> api.get(Kind.POD, namespace, primary));
  }

  @Override
  String podName() {
    return primary()
        .orElseThrow(() ->
            Failure.of(ExitCode.NOT_REACHED, "Cluster %s has no primary".formatted(name))
                .where("namespace " + namespace)
                .state("nothing was changed")
                .next("kubectl -n %s get %s".formatted(namespace, Kind.CLUSTER.singular())));
  }

  @Override
  int containerPort(int servicePort) {
    return PORT;
  }

  @Override
  public String tlsAdvice() {
    return "externalDatabase.ca must name the Secret with the authority of Cluster %1$s (%1$s-ca, unless the Cluster names another), and externalDatabase.sslmode be verify-full; see kubectl -n %2$s get %3$s %1$s -o jsonpath={.status.certificates}"
        .formatted(name, namespace, Kind.CLUSTER.singular());
  }

  /** Of a Secret that was just created, or created again, its operator has to tell the server. */
  @Override
  public Duration passwordGrace(String role) {
    return role.equals(SUPERUSER) ? Duration.ofSeconds(30) : Duration.ZERO;
  }

  @Override
  public Optional<Duration> renewsBefore() {
    return Optional.of(RENEWAL);
  }

  @Override
  public String plainTextAdvice() {
    return "write \"hostnossl all all all reject\" into spec.postgresql.pg_hba of Cluster " + name;
  }

  /** The admin sets all others, so that this one is the admin's. */
  @Override
  Failure passwordRefused(Failure refused) {
    return refused
        .state("nothing was changed; CloudNativePG sets the superuser's password from its Secret")
        .next(
            "run the same command again, since it takes a moment to do so; if that does not help: "
                + describe());
  }

  /**
   * Waits for the superuser's password, which CloudNativePG creates with the Cluster.
   *
   * @param secret name of the Secret that it is in
   * @param roles that the release manages
   * @param timeout how long to wait at most
   * @throws Failure 4 if it is not there in time, 10 if the Cluster does not let the superuser in,
   *     or manages one of the roles itself
   */
  public Password superuser(
      String secret, Collection<String> roles, Duration timeout, Progress progress) {
    Elapsed waited = Elapsed.fromNow();
    String told = "";
    while (true) {
      Optional<JsonNode> cluster = cluster();
      cluster.ifPresent(found -> requireUsable(found, roles));
      Optional<Password> password =
          cluster
              .flatMap(_ -> api.get(Kind.SECRET, namespace, secret))
              .map(SecretData::decode)
              .flatMap(values -> Optional.ofNullable(values.get("password")))
              .filter(text -> !text.isEmpty())
              .map(Password::new);
      if (password.isPresent()) {
        return password.get();
      }
      Obstacle obstacle =
          cluster.isEmpty()
              ? missing()
              : new Obstacle(
                  "Secret %s with the superuser's password of Cluster %s does not exist"
                      .formatted(secret, name),
                  "is the operator running? kubectl get deployments -A -l app.kubernetes.io/name=cloudnative-pg");
      if (waited.exceeds(timeout)) {
        throw Failure.of(ExitCode.NOT_REACHED, obstacle.what())
            .where("namespace " + namespace)
            .state("nothing was changed by waiting")
            .next(obstacle.next());
      }
      if (!Objects.equals(told, obstacle.what())) {
        told = obstacle.what();
        progress.line("wait", told);
      }
      progress.update("wait", "%s, %s".formatted(told, waited.ofAtMost(timeout)));
      Pause.of(POLL);
    }
  }

  private void requireUsable(JsonNode cluster, Collection<String> roles) {
    Set<String> managed = new TreeSet<>(ClusterStatus.managedRoles(cluster));
    managed.retainAll(roles);
    if (!managed.isEmpty()) {
      throw refused(
          "Cluster %s manages %s itself, and would set passwords and memberships back"
              .formatted(name, String.join(", ", managed)),
          "remove it from spec.managed.roles and spec.bootstrap.initdb.owner of the Cluster, or give the release another role: externalDatabase.user, roles.app, services.*.role");
    }
    if (!cluster.at("/spec/enableSuperuserAccess").asBoolean()) {
      throw refused(
          "Cluster %s does not let its superuser in, who creates the database and its roles"
              .formatted(name),
          "kubectl -n %s patch %s %s --type merge -p '{\"spec\":{\"enableSuperuserAccess\":true}}'"
              .formatted(namespace, Kind.CLUSTER.singular(), name));
    }
  }

  private Failure refused(String what, String next) {
    return Failure.of(ExitCode.REFUSED, what)
        .where("namespace " + namespace)
        .state("nothing was changed")
        .next(next);
  }
}
