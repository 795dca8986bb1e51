package org.learnflow.db.cli;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.seed.SeedMode;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.seed.SeedStep;
import picocli.CommandLine.Option;

/** Which seed sets are loaded. */
final class SeedOptions {
  private static final List<String> DEFAULT = List.of("reference");

  @Option(
      names = "--seeds",
      paramLabel = "SET",
      split = "\\s*,\\s*",
      splitSynopsisLabel = ",",
      description =
          "Seed sets, separated by commas (default: the release's, else reference); none to load"
              + " nothing.")
  private @Nullable List<String> sets;

  /** The sets that the options name, otherwise those of the release. */
  List<SeedSet> sets(FileOptions files, Optional<Release> release) {
    List<String> wanted =
        Optional.ofNullable(sets).or(() -> release.map(Release::seedSets)).orElse(DEFAULT);
    if (wanted.equals(List.of("none")) || wanted.isEmpty()) {
      return List.of();
    }
    return SeedSet.in(files.seedsDirectory(), wanted);
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

    @Option(names = "--force", description = "Load sets again that were already loaded.")
    private boolean force;

    SeedStep step(ConsoleProgress progress) {
      return new SeedStep(mode, force, progress);
    }
  }
}
