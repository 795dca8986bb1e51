package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * Where a setting that ends sessions or statements was made.
 *
 * @param setting such as {@code temp_file_limit = 0}
 * @param place for messages, such as {@code set for role "r" in database "d"}
 * @param reset the statement that resets it
 */
record SettingSource(String setting, String place, String reset) {
  /** The settings for a session of this role in this database, the effective one first. */
  private static final String QUERY =
      """
      SELECT split_part(c, '=', 1) || ' = ' || substr(c, strpos(c, '=') + 1),
             'set for ' || concat_ws(' in ', CASE WHEN setrole <> 0 THEN 'role ' || quote_ident(r.rolname)
                                                  WHEN setdatabase = 0 THEN 'all roles' END,
                                             CASE WHEN setdatabase <> 0 THEN 'database ' || quote_ident(d.datname) END),
             CASE WHEN setrole <> 0 AND setdatabase <> 0
                    THEN format('ALTER ROLE %I IN DATABASE %I RESET ', r.rolname, d.datname)
                  WHEN setrole <> 0 THEN format('ALTER ROLE %I RESET ', r.rolname)
                  WHEN setdatabase <> 0 THEN format('ALTER DATABASE %I RESET ', d.datname)
                  ELSE 'ALTER ROLE ALL RESET ' END || split_part(c, '=', 1)
      FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase,
        unnest(setconfig) c
      WHERE split_part(c, '=', 1) = @NAME@
        AND (setrole = 0 OR r.rolname = session_user) AND (setdatabase = 0 OR d.datname = current_database())
      ORDER BY setrole = 0, setdatabase = 0
      """;

  /** Where a setting was made, in the server's order of precedence. */
  static List<SettingSource> of(Connection connection, String name) throws SQLException {
    return CatalogQuery.rows(
        connection,
        QUERY.replace("@NAME@", Sql.literal(name)),
        row -> new SettingSource(row.getString(1), row.getString(2), row.getString(3)));
  }

  /**
   * The same failure; if a setting has ended the session or the statement, with its name, where it
   * was made, and how to reset it.
   *
   * @param source further sessions of the same role in the same database
   */
  static Failure explained(Failure failure, Throwable thrown, DataSource source) {
    return SqlStates.closedForSetting(thrown)
        .map(name -> failure.next(fixed(name)))
        .or(() ->
            SqlStates.endedBySetting(thrown)
                .map(name -> explained(failure, name, find(source, name))))
        .orElse(failure);
  }

  private static String fixed(String name) {
    return name.equals("DateStyle")
        ? "SET DateStyle = 'ISO, DMY' (or MDY, YMD) reads dates in the same order; to write a date"
            + " in another style, use to_char(); correct the file and run the same command again"
        : "learnflow-db reads and sends files as UTF-8; remove SET %s from the file and run the same command again"
            .formatted(name);
  }

  private static Optional<SettingSource> find(DataSource source, String name) {
    try (Connection connection = source.getConnection()) {
      return of(connection, name).stream().findFirst();
    } catch (SQLException e) {
      return Optional.empty(); // the message leaves it out
    }
  }

  private static Failure explained(Failure failure, String name, Optional<SettingSource> found) {
    boolean superusers = name.equals(SqlStates.TEMP_FILE_LIMIT);
    Failure told =
        failure.what(
            failure.what()
                + found
                    .map(source -> " (%s, %s)".formatted(source.setting, source.place))
                    .orElse(" (" + name + ")"));
    if (superusers) {
      return told.next(
          "as a superuser: %s; then run the same command again"
              .formatted(
                  found
                      .map(SettingSource::reset)
                      .orElse("raise %s, which SHOW %1$s prints".formatted(name))));
    }
    return told.next(
        "learnflow-db sets %s to 0 for its sessions, so the file, or a function that it calls, sets it: remove that, or add SET LOCAL %1$s = 0"
            .formatted(name));
  }
}
