package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.postgresql.PGConnection;

/**
 * A setting of a database, as ALTER DATABASE ... SET makes it; a dump does not hold it.
 *
 * @param role for whom alone it is meant; empty for all
 */
public record DatabaseSetting(String role, String name, String value) {
  /** Lists that the server keeps with each element quoted; GUC_LIST_QUOTE in guc_tables.c. */
  private static final Set<String> QUOTED_LISTS =
      Set.of(
          "local_preload_libraries",
          "search_path",
          "session_preload_libraries",
          "shared_preload_libraries",
          "temp_tablespaces",
          "unix_socket_directories");

  /** The settings of a database of this server. */
  static List<DatabaseSetting> of(Connection connection, String database) throws SQLException {
    List<DatabaseSetting> settings = new ArrayList<>();
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT coalesce(r.rolname, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
            FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
              LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) WITH ORDINALITY AS u (c, number)
            WHERE d.datname = ? ORDER BY 1, number
            """)) {
      statement.setString(1, database);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          settings.add(new DatabaseSetting(row.getString(1), row.getString(2), row.getString(3)));
        }
      }
    }
    return List.copyOf(settings);
  }

  /** What makes it, in another database. */
  String sql(Connection connection, String database) throws SQLException {
    PGConnection quoting = connection.unwrap(PGConnection.class);
    String in = quoting.escapeIdentifier(database);
    return "%s SET %s TO %s"
        .formatted(
            role.isEmpty()
                ? "ALTER DATABASE " + in
                : "ALTER ROLE %s IN DATABASE %s".formatted(quoting.escapeIdentifier(role), in),
            quoting.escapeIdentifier(name),
            QUOTED_LISTS.contains(name)
                ? value.replace("\"\"", "''")
                : "'" + quoting.escapeLiteral(value) + "'");
  }
}
