package org.learnflow.db.kubernetes;

import java.util.Optional;

/**
 * The object that runs a release's server: a StatefulSet of the release, or a Cluster of
 * CloudNativePG, in the release's namespace.
 */
public final class ServerObject {
  private final Kind kind;
  private final String name;

  private ServerObject(Kind kind, String name) {
    this.kind = kind;
    this.name = name;
  }

  /** A StatefulSet. */
  public static ServerObject statefulSet(String name) {
    return new ServerObject(Kind.STATEFUL_SET, name);
  }

  /** A Cluster of CloudNativePG. */
  public static ServerObject cluster(String name) {
    return new ServerObject(Kind.CLUSTER, name);
  }

  Kind kind() {
    return kind;
  }

  /** Its name. */
  public String name() {
    return name;
  }

  /** Whether it is a StatefulSet, and so the release's own. */
  public boolean isStatefulSet() {
    return kind == Kind.STATEFUL_SET;
  }

  /**
   * The database in it.
   *
   * @param release name of the release
   * @param service in front of a StatefulSet
   * @param forwarded whether this process reaches it through the API server only
   */
  public PodHosting hosting(
      KubernetesApi api,
      String namespace,
      String release,
      Optional<String> service,
      boolean forwarded) {
    return isStatefulSet()
        ? new StatefulSetHosting(
            api,
            namespace,
            release,
            name,
            forwarded ? service.or(() -> Optional.of(name)) : Optional.empty())
        : new ClusterHosting(api, namespace, release, name, forwarded);
  }

  /** For people, such as {@code StatefulSet postgres}. */
  @Override
  public String toString() {
    return kind.text() + " " + name;
  }
}
