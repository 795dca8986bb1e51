package org.learnflow.db.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.backup.ReleaseDump;
import org.learnflow.db.kubernetes.VolumeSize;
import picocli.CommandLine.Option;

/** Restoring a dump only to see whether that works. */
final class DrillOptions {
  @Option(
      names = "--drill",
      description =
          "Only show that FILE can be restored: load it into the staging database, migrate and verify"
              + " it, count its rows, and drop it. The result is recorded; verify and status show it."
              + " If FILE is a folder, the newest dump that a release made there.")
  private boolean drill;

  @Option(
      names = "--volume-size",
      paramLabel = "SIZE",
      description =
          "With --drill: size of the server's volume, such as 10Gi, which is not to be filled.")
  private String volume = "";

  boolean requested() {
    return drill;
  }

  OptionalLong volume() {
    return volume.isEmpty()
        ? OptionalLong.empty()
        : OptionalLong.of(
            VolumeSize.bytes(volume)
                .orElseThrow(() ->
                    Failure.of(
                            ExitCode.USAGE, "--volume-size is a size such as 10Gi, not " + volume)
                        .state("nothing was changed")
                        .next("learnflow-db restore --drill FILE --volume-size 10Gi")));
  }

  /** A file as it is; of a folder the newest dump. */
  static Path newest(Path dump) {
    if (!Files.isDirectory(dump)) {
      return dump;
    }
    return ReleaseDump.in(dump).stream()
        .findFirst()
        .map(found -> dump.resolve(found.name()))
        .orElseThrow(() ->
            Failure.of(ExitCode.FAILED, "there is no dump of a release")
                .where(dump.toString())
                .state("nothing was changed")
                .next(
                    "make one: kubectl create job --from=cronjob/RELEASE-backup dump-now, then run"
                        + " the same command again"));
  }
}
