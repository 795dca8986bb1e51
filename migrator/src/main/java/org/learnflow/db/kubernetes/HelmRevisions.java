package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/**
 * Helm's records of a release, Secrets {@code sh.helm.release.v1.R.vN}. They are asked for by name:
 * the permission to list Secrets would show all of them in the namespace.
 */
public final class HelmRevisions {
  /** How far beyond a revision newer ones are looked for; Helm keeps 10 by default. */
  public static final int WINDOW = 30;

  private final KubernetesApi api;
  private final String namespace;
  private final String release;

  /** The records of a release. */
  public HelmRevisions(KubernetesApi api, String namespace, String release) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
  }

  /**
   * A record.
   *
   * @param number of the revision
   * @param status such as {@code deployed} or {@code pending-rollback}
   */
  public record Revision(int number, String status) {}

  /**
   * The newest revision after {@code number}; Helm may have deleted some between. Needs the right
   * to get the {@link #WINDOW} Secrets with these numbers.
   */
  public Optional<Revision> newestAfter(int number) {
    Optional<Revision> newest = Optional.empty();
    for (int n = number + 1; n <= number + WINDOW; n++) {
      Optional<Revision> found = get(n);
      newest = found.isPresent() ? found : newest;
    }
    return newest;
  }

  private Optional<Revision> get(int number) {
    return api.get(Kind.SECRET, namespace, "sh.helm.release.v1.%s.v%d".formatted(release, number))
        .map(secret -> new Revision(number, label(secret)));
  }

  private static String label(JsonNode secret) {
    return secret.at("/metadata/labels/status").asText();
  }
}
