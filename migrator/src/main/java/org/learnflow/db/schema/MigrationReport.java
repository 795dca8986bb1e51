package org.learnflow.db.schema;

import java.util.List;

/**
 * What a migrate step did.
 *
 * @param from version before, "none" for an empty database
 * @param to version after
 * @param applied the migrations that were applied, in order
 * @param newer applied versions that the files do not contain, because the files are older
 */
public record MigrationReport(String from, String to, List<Applied> applied, List<String> newer) {
  /**
   * One applied migration.
   *
   * @param version its version
   * @param description the words of its name
   */
  public record Applied(String version, String description) {}
}
