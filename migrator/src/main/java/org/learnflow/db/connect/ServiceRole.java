package org.learnflow.db.connect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * A role that a service, or all of them, logs in as.
 *
 * @param service the service that has it; empty for the one role of all services, which may read
 *     and write all rows
 * @param role in PostgreSQL
 * @param rights everything that a service's role may do
 * @param current whether it is the role that is published
 */
public record ServiceRole(
    Optional<Service> service, String role, List<Right> rights, boolean current) {
  /** Stands for no role of all services. */
  public static final String NONE = "none";

  /** The one role of all services. */
  public static ServiceRole ofAll(String role) {
    return new ServiceRole(Optional.empty(), role, List.of(), true);
  }

  /**
   * All roles that services log in as, the one of all services first.
   *
   * @param ofAll the one of all services; {@link #NONE} if each service has its own
   * @param rights what a service may do
   * @param values what the release's Secret or a directory contains, by key or file name
   * @throws Failure 2 if a service's current role is none of its roles
   */
  public static List<ServiceRole> all(
      String ofAll,
      List<Service> services,
      Function<Service, List<Right>> rights,
      Map<String, String> values) {
    List<ServiceRole> roles = new ArrayList<>();
    if (services.isEmpty() || !ofAll.equals(NONE)) {
      roles.add(ofAll(ofAll));
    }
    for (Service service : services) {
      List<Right> written = rights.apply(service);
      String current = Optional.ofNullable(values.get(service.userKey())).orElse(service.role());
      if (!service.roles().contains(current)) {
        throw Failure.of(
                ExitCode.USAGE,
                "\"%s\", the role of service %s, is not one of %s"
                    .formatted(current, service.name(), String.join(" and ", service.roles())))
            .where(service.userKey())
            .state("nothing was changed")
            .next(
                "write one of them into key %s of the release's Secret, or remove the key"
                    .formatted(service.userKey()));
      }
      for (String role : service.roles()) {
        roles.add(new ServiceRole(Optional.of(service), role, written, role.equals(current)));
      }
    }
    return List.copyOf(roles);
  }

  /** Whether it may read and write all rows. */
  public boolean hasAllRights() {
    return service.isEmpty();
  }

  /** For messages. */
  public String title() {
    return service.map(owner -> "service %s (%s)".formatted(owner.name(), role)).orElse(role);
  }

  /**
   * A privilege on a table or view.
   *
   * @param relation schema and name, each quoted if necessary
   * @param privilege such as SELECT
   * @param column empty for all columns
   */
  public record Right(String relation, String privilege, Optional<String> column) {}
}
