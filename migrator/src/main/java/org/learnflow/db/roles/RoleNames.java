package org.learnflow.db.roles;

import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

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

  /**
   * Refuses a name for the services' role that PostgreSQL keeps for itself, or that is the admin's.
   *
   * @throws Failure 2 for such a name
   */
  public void requireUsable(Optional<String> admin) {
    String why =
        admin.filter(service::equals).isPresent()
            ? "is the admin's own role"
            : service.startsWith("pg_") || service.equals("public") || service.equals("none")
                ? "is a name that PostgreSQL keeps for itself"
                : service.isEmpty() ? "is empty" : "";
    if (!why.isEmpty()) {
      throw Failure.of(
              ExitCode.USAGE, "\"%s\" cannot be the services' role: it %s".formatted(service, why))
          .where("--app-user; in a release: roles.app, or externalDatabase.appUser")
          .state("nothing was changed")
          .next("name a role of the services' own, such as " + DEFAULT_SERVICE);
    }
  }
}
