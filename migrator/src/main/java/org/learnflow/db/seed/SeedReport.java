package org.learnflow.db.seed;

import java.util.List;

/**
 * The outcome for one seed set.
 *
 * @param set its name
 * @param loaded false if exactly the same content was loaded before
 * @param files the outcome for each file, empty if nothing was loaded
 */
public record SeedReport(String set, boolean loaded, List<FileReport> files) {
  /**
   * The outcome for one file.
   *
   * @param file its name
   * @param inserted rows that were missing before
   * @param updated rows that were changed
   * @param unchanged existing rows that were not changed
   */
  public record FileReport(String file, long inserted, long updated, long unchanged) {}
}
