package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.postgres.HistoryTable;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * Plans, as each service role, every statement that it has the privilege for; whether it has those
 * that it should have, {@link org.learnflow.db.roles.RightsCheck} checks. EXPLAIN also checks the
 * privileges on what views read and on functions in them, which has_table_privilege does not cover;
 * it writes nothing.
 *
 * <p>It locks the table as the statement itself would, so each table is checked separately and
 * briefly: no lock is held while waiting for another one, and a wait ends before the server looks
 * for a deadlock (1 s).
 */
final class ServiceStatements {
  /**
   * A row for each text that is run: one for all statements of a role on a table, because all are
   * possible there. Which are possible for a view is not queried first: pg_relation_is_updatable
   * waits for locks too, on all views at once.
   *
   * <p>The last column is updated, not the first: through a view, an identity column (usually the
   * first) cannot even be set to its default.
   */
  private static final String STATEMENTS =
      """
      SELECT role, name, array_agg(statement ORDER BY number)
      FROM (
        SELECT s.rolname AS role, c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name, s.oid AS service,
               (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum DESC LIMIT 1) AS last_column
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner, pg_roles s
        WHERE o.rolname = ? AND s.rolname = ANY (?) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('learnflow_db', 'information_schema')
          AND
      """
          + HistoryTable.isNot("n.nspname", "c.relname")
          + """

              AND has_schema_privilege(s.oid, n.oid, 'USAGE')
          ) r, LATERAL (
            VALUES (1, 'SELECT', format('EXPLAIN SELECT * FROM %s', name)),
                   (2, 'INSERT', format('EXPLAIN INSERT INTO %s DEFAULT VALUES', name)),
                   (3, 'UPDATE', format('EXPLAIN UPDATE %s SET %I = DEFAULT', name, coalesce(last_column, 'none'))),
                   (4, 'DELETE', format('EXPLAIN DELETE FROM %s', name))
          ) s (number, privilege, statement)
          WHERE has_table_privilege(service, oid, privilege) AND (privilege <> 'UPDATE' OR last_column IS NOT NULL)
          GROUP BY role, name, CASE WHEN relkind IN ('r', 'p') AND last_column IS NOT NULL THEN 0 ELSE number END
          ORDER BY role, name, min(number)
          """;

  /**
   * Error classes of a relation that cannot be written to, or not in this column, or whose foreign
   * server does not answer: they have nothing to do with privileges.
   */
  private static final Set<String> NOT_POSSIBLE = Set.of("0A", "22", "23", "42", "55", "HV", "P0");

  private static final Duration LOOK = Duration.ofMillis(200);

  /**
   * The limit for all waits of all roles together. After that, and for a table that was locked for
   * another role, there is no wait: what is not locked at once is not checked.
   */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final Connection connection;
  private final Set<String> locked = new HashSet<>();
  private long waited;

  private ServiceStatements(Connection connection) {
    this.connection = connection;
  }

  /**
   * The outcome.
   *
   * @param service whose statements were planned
   * @param planned number of statements
   * @param refusal the server's message for the first one that it rejected
   * @param locked tables and views that were not checked because other sessions lock them
   */
  record Outcome(ServiceRole service, int planned, Optional<String> refusal, List<String> locked) {}

  private record Text(String name, List<String> statements) {}

  /**
   * Plans them all, table by table.
   *
   * @return an outcome for each service, in the same order
   */
  static List<Outcome> plan(Connection connection, String owner, List<ServiceRole> services)
      throws SQLException {
    Map<String, List<Text>> texts = texts(connection, owner, services);
    ServiceStatements planning = new ServiceStatements(connection);
    List<Outcome> outcomes = new ArrayList<>();
    for (ServiceRole service : services) {
      outcomes.add(planning.plan(service, texts.getOrDefault(service.role(), List.of())));
    }
    return List.copyOf(outcomes);
  }

  private Outcome plan(ServiceRole service, List<Text> texts) throws SQLException {
    int planned = 0;
    Set<String> skipped = new LinkedHashSet<>();
    for (Text text : texts) {
      if (skipped.contains(text.name)) {
        continue;
      }
      Duration look =
          waited < PATIENCE.toNanos() && !locked.contains(text.name) ? LOOK : Duration.ofMillis(1);
      long start = System.nanoTime();
      try {
        // One text is one transaction, and these settings end with it.
        Sql.execute(
            connection,
            "SET LOCAL lock_timeout = %d; SET LOCAL ROLE %s; %s"
                .formatted(
                    look.toMillis(),
                    Sql.identifier(service.role()),
                    String.join("; ", text.statements)));
        planned += text.statements.size();
      } catch (SQLException e) {
        if (SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
          return new Outcome(
              service, planned, Optional.of(String.valueOf(e.getMessage())), List.copyOf(skipped));
        }
        if (SqlStates.lockProblem(e)) {
          waited += System.nanoTime() - start;
          locked.add(text.name);
          skipped.add(text.name);
        } else if (NOT_POSSIBLE.stream().noneMatch(SqlStates.of(e)::startsWith)) {
          throw e;
        }
      }
    }
    return new Outcome(service, planned, Optional.empty(), List.copyOf(skipped));
  }

  private static Map<String, List<Text>> texts(
      Connection connection, String owner, List<ServiceRole> services) throws SQLException {
    Map<String, List<Text>> texts = new HashMap<>();
    try (PreparedStatement select = connection.prepareStatement(STATEMENTS)) {
      select.setString(1, owner);
      select.setArray(
          2, connection.createArrayOf("text", services.stream().map(ServiceRole::role).toArray()));
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          texts
              .computeIfAbsent(rows.getString(1), _ -> new ArrayList<>())
              .add(new Text(rows.getString(2), List.of((String[]) rows.getArray(3).getArray())));
        }
      }
    }
    return texts;
  }
}
