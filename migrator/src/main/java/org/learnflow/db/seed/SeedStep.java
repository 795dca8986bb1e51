package org.learnflow.db.seed;

import java.util.ArrayList;
import java.util.List;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.Session;

/**
 * Loads seed sets.
 *
 * @param force whether sets that were loaded before are merged again
 */
public record SeedStep(SeedMode mode, boolean force, Progress progress) {
  /** Loads what is missing. */
  public static SeedStep missing(Progress progress) {
    return new SeedStep(SeedMode.SKIP, false, progress);
  }

  /** Loads sets, one transaction each. */
  public List<SeedReport> run(Session session, List<SeedSet> sets) {
    return progress.trace().part("seed", _ -> load(session, sets));
  }

  private List<SeedReport> load(Session session, List<SeedSet> sets) {
    SeedLoader loader = new SeedLoader(mode, force, progress);
    List<SeedReport> reports = new ArrayList<>();
    for (SeedSet set : sets) {
      List<SeedReport> report =
          progress
              .trace()
              .part(
                  "seed " + set.name(),
                  part -> {
                    part.tell("learnflow_db.seed.set", set.name());
                    return session.run("seed", connection -> loader.load(connection, List.of(set)));
                  });
      reports.addAll(report);
      if (report.stream().anyMatch(SeedReport::loaded)) {
        session.close(); // what its SQL left in the session must not affect what comes next
      }
    }
    return List.copyOf(reports);
  }
}
