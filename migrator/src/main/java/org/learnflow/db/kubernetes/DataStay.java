package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * Refuses values under which the database would begin empty while the release's data are left in a
 * volume that nothing uses any more: another name or architecture, another claim or none, another
 * directory, an external database. Which ones hold data tell the claims' labels and, for what the
 * last values said, ConfigMap {@code R-release}.
 */
public final class DataStay {
  private final KubernetesApi api;
  private final String namespace;
  private final String release;

  /** The data of a release, which need not be there. */
  public DataStay(KubernetesApi api, String namespace, String release) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
  }

  /**
   * Where the values want the data.
   *
   * @param statefulSet whose pod opens them; empty for an external database
   * @param claim name of their PersistentVolumeClaim; empty where there is to be none
   * @param directory in that volume; empty if unknown
   * @param retired names of claims whose data are left behind on purpose
   */
  public record Wanted(String statefulSet, String claim, String directory, List<String> retired) {}

  /**
   * Continues only if no data are left behind.
   *
   * @throws Failure 10 that names the claim that holds them, and the way
   */
  public void check(Wanted wanted) {
    Optional<JsonNode> record = api.get(Kind.CONFIG_MAP, namespace, release + "-release");
    new Deletion(api, namespace)
        .refuse(Kind.CONFIG_MAP, record, "with which the whole release goes");
    String claim = recorded(record, "data-claim");
    List<String> found =
        new DataClaims(
                api,
                namespace,
                release,
                wanted.statefulSet(),
                Stream.of(claim, wanted.claim()).filter(name -> !name.isEmpty()).toList(),
                wanted.retired())
            .withData().stream().filter(DataStay::isOfPrimary).map(DataClaims::name).toList();
    List<String> left = found.stream().filter(name -> !name.equals(wanted.claim())).toList();
    if (!left.isEmpty()) {
      throw leftBehind(wanted, left);
    }
    if (!found.contains(wanted.claim()) || !wanted.claim().equals(claim)) {
      return;
    }
    String directory = recorded(record, "data-directory");
    if (differ(directory, wanted.directory())) {
      throw refused(
          "these values want the data in directory %s of PersistentVolumeClaim %s, but this release's are in %s"
              .formatted(wanted.directory(), claim, directory),
          "restore postgresql.primary.persistence.subPath and mountPath and postgresql.postgresqlDataDir, see docs/how-to/database-name.md",
          claim);
    }
    String statefulSet = recorded(record, "stateful-set");
    if (differ(statefulSet, wanted.statefulSet())) {
      throw Failure.of(
              ExitCode.REFUSED,
              "StatefulSet %s would open PersistentVolumeClaim %s while StatefulSet %s still does"
                  .formatted(wanted.statefulSet(), claim, statefulSet))
          .where("namespace " + namespace)
          .state(
              "nothing was changed, the database keeps running; two servers would destroy the data")
          .next(
              "first stop the old server, which keeps volume and passwords, with the commands in docs/how-to/database-name.md");
    }
  }

  /** Replicas follow the primary; what they hold is its copy. */
  private static boolean isOfPrimary(JsonNode claim) {
    return !claim.at("/metadata/labels/app.kubernetes.io~1component").asText().equals("read");
  }

  private static boolean differ(String before, String now) {
    return !before.isEmpty() && !now.isEmpty() && !before.equals(now);
  }

  private static String recorded(Optional<JsonNode> record, String key) {
    return record.map(map -> map.path("data").path(key).asText().strip()).orElse("");
  }

  private Failure leftBehind(Wanted wanted, List<String> left) {
    return refused(
        "%s, but this release's data are in PersistentVolumeClaim %s"
            .formatted(
                wanted.claim().isEmpty()
                    ? wanted.statefulSet().isEmpty()
                        ? "these values want an external database"
                        : "these values want a database without a volume"
                    : "these values want a database in PersistentVolumeClaim " + wanted.claim(),
                String.join(", ", left)),
        "restore the values that name it: postgresql.enabled, fullnameOverride, architecture, primary.name or primary.persistence; to move the data: docs/how-to/database-name.md, and to an"
            + " external database docs/how-to/move-out.md",
        String.join(",", left));
  }

  private Failure refused(String what, String next, String claims) {
    return Failure.of(ExitCode.REFUSED, what)
        .where("namespace " + namespace)
        .state(
            "nothing was changed; the database would start empty, and nothing would use these data")
        .next("%s; to abandon them on purpose: --set 'retiredClaims={%s}'".formatted(next, claims));
  }
}
