package org.learnflow.db.seed;

import java.util.List;

/**
 * What became of one seed set.
 *
 * @param set its name
 * @param loaded false where the very same content was loaded before
 * @param files the outcome for each file, empty where nothing was loaded
 */
public record SeedReport(String set, boolean loaded, List<FileReport> files) {
  /**
   * What became of one file.
   *
   * @param file its name
   * @param inserted rows that were not there before
   * @param updated rows that were changed
   * @param unchanged rows that were there and stay as they were
   */
  public record FileReport(String file, long inserted, long updated, long unchanged) {}
}
