package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.postgres.Sql;

/**
 * A setting of a database, as ALTER DATABASE ... SET creates it; a dump does not contain it.
 *
 * @param role the only role that it applies to; empty for all
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

  /** One element, and the comma behind it. */
  private static final Pattern ELEMENT =
      Pattern.compile("\\s*(?:\"(?<quoted>(?:[^\"]|\"\")*)\"|(?<bare>[^\",]+?))\\s*(?<end>,|$)");

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

  /** SQL that sets it in another database. */
  String sql(String database) {
    String in = Sql.identifier(database);
    List<String> values = new ArrayList<>();
    for (String one : elements()) {
      values.add(Sql.literal(one));
    }
    return "%s SET %s TO %s"
        .formatted(
            role.isEmpty()
                ? "ALTER DATABASE " + in
                : "ALTER ROLE %s IN DATABASE %s".formatted(Sql.identifier(role), in),
            // A class and a name, such as plpgsql.extra_warnings.
            Arrays.stream(name.split("\\.", -1))
                .map(Sql::identifier)
                .collect(Collectors.joining(".")),
            String.join(", ", values));
  }

  /**
   * The values one by one, as pg_dumpall splits them (SplitGUCList in PostgreSQL's varlena.c); one
   * value if it is not a quoted list.
   */
  List<String> elements() {
    return QUOTED_LISTS.contains(name) ? split(value) : List.of(value);
  }

  /** If it is not such a list after all, the whole text is one element, which means the same. */
  private static List<String> split(String list) {
    List<String> elements = new ArrayList<>();
    Matcher element = ELEMENT.matcher(list);
    int position = 0;
    while (position < list.length() && element.find(position) && element.start() == position) {
      String quoted = element.group("quoted");
      elements.add(quoted == null ? element.group("bare").strip() : quoted.replace("\"\"", "\""));
      position = element.end();
      if (position == list.length()) {
        return element.group("end").isEmpty() ? elements : List.of(list);
      }
    }
    return list.isBlank() ? List.of("") : List.of(list);
  }
}
