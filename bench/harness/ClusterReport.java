package harness;

import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.IOException;

/** Prints what was measured on a cluster, and keeps it as {@link Results} keeps cases. */
public final class ClusterReport {
  private final String name;

  /** How busy the machine was before counts too. */
  private final Machine before = Machine.now();

  private ClusterReport(String name) {
    this.name = name;
  }

  /** Begins a measurement. */
  public static ClusterReport begin(String name) {
    return new ClusterReport(name);
  }

  /**
   * Ends it.
   *
   * @param scope such as "median of 3 runs"
   * @param cases the entry "cases"
   */
  public void publish(String scope, String markdown, ArrayNode cases, boolean save)
      throws IOException, InterruptedException {
    var text =
        "Measured on %s with %d cores, %d GiB, load %.1f before, %s; %s.%n%n%s"
            .formatted(
                before.date(),
                before.cores(),
                before.memoryGib(),
                before.load(),
                Cluster.versions(),
                scope,
                markdown);
    System.out.println(text);
    if (save) {
      var results =
          Json.object()
              .put("date", before.date().toString())
              .put("cores", before.cores())
              .put("memory_gib", before.memoryGib())
              .put("load_before", Json.rounded(before.load(), 1))
              .put("cluster", Cluster.versions())
              .put("scope", scope);
      results.set("cases", cases);
      Results.save(name, results, text);
    }
  }
}
