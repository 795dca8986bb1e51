package org.learnflow.db.publish;

import java.util.List;

/** Where connections are published. */
public interface PublishTarget {
  /**
   * Writes the connections, unless the target already has them.
   *
   * @param connections each of another service
   * @param schemaVersion newest applied migration, for SCHEMA_VERSION
   * @return what was done, one line
   * @throws org.learnflow.db.Failure 9 if it cannot be written; the previous content is unchanged
   */
  String publish(List<PublishedConnection> connections, String schemaVersion);

  /** Whether everything that would be published is already published; changes nothing. */
  boolean isPublished(List<PublishedConnection> connections, String schemaVersion);

  /** For messages: namespaces separated by commas, or a file. */
  String place();
}
