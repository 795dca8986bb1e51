package org.learnflow.db.cli;

import java.util.List;
import org.learnflow.db.connect.Session;
import org.learnflow.db.seed.SeedLoader;
import org.learnflow.db.seed.SeedMode;
import org.learnflow.db.seed.SeedReport;
import org.learnflow.db.seed.SeedSet;
import picocli.CommandLine.Option;

/** Which seed sets are loaded. */
final class SeedOptions {
  @Option(
      names = "--seeds",
      paramLabel = "SET",
      split = ",",
      description = "Seed sets, separated by commas (default: reference); none for no set.")
  private List<String> sets = List.of("reference");

  List<SeedSet> sets(FileOptions files) {
    if (sets.equals(List.of("none"))) {
      return List.of();
    }
    return SeedSet.in(files.seedsDirectory(), sets);
  }

  /** How seeds are loaded. */
  static final class Loading {
    @Option(
        names = "--seed-mode",
        paramLabel = "skip|update",
        description =
            "skip (default): insert what is missing; update: also change what differs. Neither"
                + " deletes.")
    private SeedMode mode = SeedMode.SKIP;

    @Option(names = "--force", description = "Merge sets again that were loaded before.")
    private boolean force;

    List<SeedReport> load(Session session, List<SeedSet> sets, ConsoleProgress progress) {
      SeedLoader loader = new SeedLoader(mode, force, progress);
      return session.run("seed", connection -> loader.load(connection, sets));
    }
  }
}
