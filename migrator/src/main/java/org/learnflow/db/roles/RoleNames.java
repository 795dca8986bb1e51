package org.learnflow.db.roles;

/**
 * The roles of one LearnFlow database.
 *
 * @param owner owns database and schemas; the migrator's own role
 * @param service what LearnFlow's services log in as
 */
public record RoleNames(String owner, String service) {
  /** Name of the owner where nothing else is given. */
  public static final String DEFAULT_OWNER = "learnflow_owner";

  /** Name of the service role where nothing else is given. */
  public static final String DEFAULT_SERVICE = "learnflow_user";
}
