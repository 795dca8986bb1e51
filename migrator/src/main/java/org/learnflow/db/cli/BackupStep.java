package org.learnflow.db.cli;

import java.nio.file.Path;

/** Makes a backup before something that cannot be taken back. */
@FunctionalInterface
interface BackupStep {
  /**
   * Writes a backup and reads it back whole.
   *
   * @throws org.learnflow.db.Failure where that is not possible; then nothing else is done
   */
  void make(
      DatabaseOptions.Target target, ClusterOptions cluster, Path file, ConsoleProgress progress);
}
