package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.Target;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/** How many connections services use, of how many that they may. */
public final class ServiceConnections {
  private static final String STAGE = "connections";

  /** For the migrator, verify, and who is on call; start.sh of the chart reserves as many. */
  private static final int KEPT = 10;

  private static final String QUERY =
      """
      SELECT r.rolname, r.rolconnlimit, r.rolcanlogin, (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid),
             current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
             greatest(@KEPT@, current_setting('reserved_connections', true)::int)
      FROM pg_roles r WHERE r.rolname IN (@SERVICES@) ORDER BY 1
      """;

  private ServiceConnections() {}

  /**
   * What a role uses.
   *
   * @param service name of the service
   * @param role that it logs in as
   * @param current whether it is the role that is published; another one may still log in with the
   *     previous password
   * @param used connections that are open, in any database
   * @param limit how many it may have; -1 for any number
   */
  public record Use(String service, String role, boolean current, int used, int limit) {
    /** Such as {@code 3 of 20}. */
    public String amount() {
      return "%d of %s".formatted(used, limit < 0 ? "any number" : limit);
    }

    /** For people. */
    public String text() {
      return "%s: %s%s"
          .formatted(
              service,
              amount(),
              current ? "" : " (%s, with the previous password)".formatted(role));
    }
  }

  /** As the server has it. */
  private record Row(String role, int limit, boolean canLogIn, int used, int available, int kept) {}

  private static List<Row> rows(Connection connection, RoleNames names) throws SQLException {
    return CatalogQuery.rows(
        connection,
        Sql.filled(
            QUERY,
            Map.of("SERVICES", Sql.literals(names.serviceRoles()), "KEPT", String.valueOf(KEPT))),
        row ->
            new Row(
                row.getString(1),
                row.getInt(2),
                row.getBoolean(3),
                row.getInt(4),
                row.getInt(5),
                row.getInt(6)));
  }

  private static boolean anyService(RoleNames names) {
    return names.services().stream().anyMatch(role -> role.service().isPresent());
  }

  /** Of each service with roles of its own that can log in; none if there are no such services. */
  public static List<Use> read(Connection connection, RoleNames names) throws SQLException {
    return anyService(names) ? uses(rows(connection, names), names) : List.of();
  }

  private static List<Use> uses(List<Row> rows, RoleNames names) {
    Map<String, Row> byRole = rows.stream().collect(Collectors.toMap(Row::role, row -> row));
    List<Use> uses = new ArrayList<>();
    for (ServiceRole role : names.services()) {
      Optional.ofNullable(byRole.get(role.role()))
          .filter(Row::canLogIn)
          .ifPresent(row ->
              role.service()
                  .ifPresent(service ->
                      uses.add(
                          new Use(
                              service.name(),
                              role.role(),
                              role.current(),
                              row.used(),
                              row.limit()))));
    }
    return List.copyOf(uses);
  }

  /**
   * Reports something only if there are services with roles of their own; never unhealthy, since
   * the others can connect.
   */
  static List<StageResult> look(Connection connection, Target target) throws SQLException {
    RoleNames names = target.names();
    if (!anyService(names)) {
      return List.of();
    }
    List<Row> rows = rows(connection, names);
    List<Use> uses = uses(rows, names);
    List<StageResult> stages = new ArrayList<>();
    for (Use use : uses) {
      if (use.limit() >= 0 && use.used() >= use.limit()) {
        stages.add(
            StageResult.warning(
                STAGE,
                "service %s uses %d of %d connections; next: close idle ones in its pool (POOL_SIZE, a connection for each instance), or raise services.%s.connectionLimit"
                    .formatted(use.service(), use.used(), use.limit(), use.service())));
      }
    }
    tooMany(rows, target).ifPresent(why -> stages.add(StageResult.warning(STAGE, why)));
    if (stages.isEmpty()) {
      stages.add(
          StageResult.good(STAGE, uses.stream().map(Use::text).collect(Collectors.joining(", "))));
    }
    return stages;
  }

  /** Why all services together could take the connections that others need. */
  private static Optional<String> tooMany(List<Row> rows, Target target) {
    if (target.server() == Target.Server.SHARED || rows.isEmpty()) {
      return Optional.empty();
    }
    List<Integer> limits =
        target.names().services().stream()
            .filter(ServiceRole::current)
            .flatMap(role -> role.service().stream())
            .map(Service::connectionLimit)
            .map(limit -> limit.orElse(0))
            .toList();
    int sum = limits.stream().mapToInt(Integer::intValue).sum();
    int largest = limits.stream().mapToInt(Integer::intValue).max().orElse(0);
    int available = rows.getFirst().available();
    int kept = rows.getFirst().kept();
    return sum + largest + kept <= available
        ? Optional.empty()
        : Optional.of(
            "services may have %d connections and, during a rotation, %d more; with %d for the migrator and who is on call that is more than the server's %d; next: lower services.*.connectionLimit, or raise max_connections"
                .formatted(sum, largest, kept, available));
  }
}
