package org.learnflow.db.publish;

/** Where the connection is published. */
public interface PublishTarget {
  /**
   * Writes the connection; a target that holds it already is not written to.
   *
   * @param schemaVersion newest applied migration, for SCHEMA_VERSION
   * @return what was done, one line
   * @throws org.learnflow.db.Failure 9 if it cannot be written; what was there before is still
   *     there
   */
  String publish(PublishedConnection connection, String schemaVersion);

  /** Whether all that would be published is there already; changes nothing. */
  boolean isPublished(PublishedConnection connection, String schemaVersion);

  /** For people: namespaces separated by commas, or a file. */
  String place();
}
