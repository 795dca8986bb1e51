package org.learnflow.db.cli;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.kubernetes.PodHosting;
import org.learnflow.db.kubernetes.PodPrograms;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.programs.ProgramFinder;
import picocli.CommandLine.Option;

/** Where pg_dump and pg_restore are: in the release's pod, else on this machine. */
final class ProgramsOptions {
  @Option(
      names = "--pg-dump-dir",
      paramLabel = "DIR",
      description =
          "Directory of pg_dump and pg_restore, for a database without a pod (default: PATH, and"
              + " where packages install them).")
  private @Nullable Path directory;

  ProgramFinder finder(Optional<Release> release, ClusterOptions cluster) {
    return new ProgramFinder(
        Optional.ofNullable(directory),
        target ->
            release
                .filter(_ -> target.password().isPresent())
                .flatMap(found -> found.hosting(cluster.api(), true))
                .map((PodHosting hosting) ->
                    new PodPrograms(
                        cluster.api(),
                        hosting,
                        target.owner().user(),
                        target.password().orElseThrow())));
  }
}
