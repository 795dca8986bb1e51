package org.learnflow.db;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** How a database is made that sorts and encodes as another one does. */
public final class DatabaseLikeness {
  private DatabaseLikeness() {}

  /** The catalog differs by major version: daticulocale until 16, datlocale from 17 on. */
  private static final String QUERY =
      """
      SELECT pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.datlocprovider,
             coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules',
             t.spcname, d.datconnlimit
      FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
      WHERE d.datname = @DATABASE@
      """;

  /**
   * What follows {@code CREATE DATABASE name}: encoding and locale of another database.
   *
   * @param connection to any database of the server
   * @return nothing where there is no such database
   */
  public static Optional<String> locale(Connection connection, String database)
      throws SQLException {
    return clause(connection, database, false);
  }

  /** The same with tablespace and connection limit. */
  public static Optional<String> whole(Connection connection, String database) throws SQLException {
    return clause(connection, database, true);
  }

  private static Optional<String> clause(Connection connection, String database, boolean placement)
      throws SQLException {
    List<String> found =
        CatalogQuery.rows(
            connection,
            SqlText.filled(QUERY, Map.of("DATABASE", SqlText.literal(database))),
            row -> {
              String clause =
                  "ENCODING %s LC_COLLATE %s LC_CTYPE %s"
                      .formatted(
                          SqlText.literal(row.getString(1)),
                          SqlText.literal(row.getString(2)),
                          SqlText.literal(row.getString(3)));
              String locale = row.getString(5);
              clause +=
                  switch (row.getString(4)) {
                    case "i" -> " LOCALE_PROVIDER icu ICU_LOCALE " + SqlText.literal(locale);
                    case "b" ->
                        " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + SqlText.literal(locale);
                    default -> " LOCALE_PROVIDER libc";
                  };
              String rules = row.getString(6);
              if (rules != null) {
                clause += " ICU_RULES " + SqlText.literal(rules);
              }
              if (!placement) {
                return clause;
              }
              // Naming the default one needs a right that leaving it out does not.
              String tablespace =
                  row.getString(7).equals("pg_default")
                      ? ""
                      : " TABLESPACE " + SqlText.identifier(row.getString(7));
              return clause + tablespace + " CONNECTION LIMIT " + row.getInt(8);
            });
    return found.stream().findFirst();
  }
}
