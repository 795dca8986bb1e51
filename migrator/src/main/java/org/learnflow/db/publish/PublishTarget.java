package org.learnflow.db.publish;

/** Where the connection is published. */
public interface PublishTarget {
  /**
   * Writes the connection, unless the target already has it.
   *
   * @param schemaVersion newest applied migration, for SCHEMA_VERSION
   * @return what was done, one line
   * @throws org.learnflow.db.Failure 9 if it cannot be written; the previous content is unchanged
   */
  String publish(PublishedConnection connection, String schemaVersion);

  /** Whether everything that would be published is already published; changes nothing. */
  boolean isPublished(PublishedConnection connection, String schemaVersion);

  /** For messages: namespaces separated by commas, or a file. */
  String place();
}
