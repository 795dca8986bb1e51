package org.learnflow.db.connect;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.ServiceRole.Right;
import org.learnflow.db.postgres.Identifier;

/**
 * The roles of one LearnFlow database.
 *
 * @param owner owns database and schemas; the migrator's own role
 * @param services the roles that LearnFlow's services log in as; at least one
 */
public record RoleNames(String owner, List<ServiceRole> services) {
  /** Name of the owner if no other is given. */
  public static final String DEFAULT_OWNER = "learnflow_owner";

  /** Name of the service role if no other is given. */
  public static final String DEFAULT_SERVICE = "learnflow_user";

  /** With one role for all services. */
  public RoleNames(String owner, String service) {
    this(owner, List.of(ServiceRole.ofAll(service)));
  }

  /** The role of all services; if each has its own, that of the first. */
  public String service() {
    return current().getFirst().role();
  }

  /** Names of all roles that services have. */
  public List<String> serviceRoles() {
    return services.stream().map(ServiceRole::role).toList();
  }

  /** Names of all roles that LearnFlow has. */
  public List<String> all() {
    return Stream.concat(Stream.of(owner), serviceRoles().stream()).toList();
  }

  /** What a service's roles may do. */
  public List<Right> rights(Service service) {
    return services.stream()
        .filter(role -> role.service().filter(service::equals).isPresent())
        .map(ServiceRole::rights)
        .findFirst()
        .orElseThrow();
  }

  /** The roles that are published: one for a service, and the one of all services. */
  public List<ServiceRole> current() {
    return services.stream().filter(ServiceRole::current).toList();
  }

  /** What a name is for, and where it is set. */
  private enum Use {
    DATABASE(
        "database",
        "--database; in a release: postgresql.auth.database, externalDatabase.database"),
    OWNER("owner", "--database; in a release: postgresql.auth.username, externalDatabase.user"),
    SERVICE("service role", "--app-user; in a release: roles.app, or externalDatabase.appUser"),
    ADMIN("admin", "--admin-user; in a release: externalDatabase.adminUser");

    private final String text;
    private final String place;

    Use(String text, String place) {
      this.text = text;
      this.place = place;
    }
  }

  /**
   * Refuses names that PostgreSQL would truncate or reserves, or that belong to another role; and
   * names with control characters, which files and terminals do not keep as they are.
   *
   * @param database the database that the roles are for
   * @throws Failure 2 for such a name
   */
  public void requireUsable(String database, Optional<String> admin) {
    refuse(Use.DATABASE, database, Identifier.problem(database));
    admin.ifPresent(name -> refuse(Use.ADMIN, name, Identifier.problem(name)));
    refuse(Use.OWNER, owner, Identifier.problem(owner).or(() -> reserved(owner)));
    Set<String> seen = new HashSet<>();
    for (ServiceRole service : services) {
      String role = service.role();
      refuse(
          Use.SERVICE,
          role,
          Identifier.problem(role)
              .or(() -> reserved(role))
              .or(() -> admin.filter(role::equals).map(_ -> "it is the admin's role"))
              .or(() ->
                  seen.add(role) ? Optional.empty() : Optional.of("two services have this role")));
    }
  }

  /** IsReservedName and the role specification in PostgreSQL's grammar, quoted or not. */
  private static Optional<String> reserved(String name) {
    return name.startsWith("pg_") || name.equals("public") || name.equals("none")
        ? Optional.of("PostgreSQL reserves this name")
        : Optional.empty();
  }

  private static void refuse(Use use, String name, Optional<String> problem) {
    if (problem.isPresent()) {
      throw Failure.of(
              ExitCode.USAGE,
              "\"%s\" cannot be the %s: %s".formatted(name, use.text, problem.get()))
          .where(use.place)
          .state("nothing was changed")
          .next(
              use == Use.SERVICE
                  ? "use a separate role for services, such as " + DEFAULT_SERVICE
                  : "use another name");
    }
  }
}
