package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * How a database encodes and sorts; the one place that describes how to create another like it.
 *
 * @param encoding such as {@code UTF8}
 * @param collate of libc
 * @param ctype of libc
 * @param provider {@code libc}, {@code icu} or {@code builtin}
 * @param locale of a provider other than libc
 * @param rules of ICU, since PostgreSQL 16
 */
public record DatabaseLikeness(
    String encoding,
    String collate,
    String ctype,
    String provider,
    Optional<String> locale,
    Optional<String> rules) {
  /** The catalog differs by major version: daticulocale up to 16, datlocale since 17. */
  private static final String QUERY =
      """
      SELECT pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
             CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
             coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules'
      FROM pg_database d WHERE d.datname = @DATABASE@
      """;

  private static final String TABLESPACE =
      """
      SELECT t.spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
      WHERE t.spcname <> 'pg_default' AND d.datname = @DATABASE@
      """;

  /** As dumpDatabase in PostgreSQL's pg_dump.c writes it. */
  private static final Pattern CREATE =
      Pattern.compile(
          "^CREATE DATABASE (?:\"(?:[^\"]|\"\")*\"|\\w+) WITH TEMPLATE = template0(?<options>(?: \\w+ = (?:E?'(?:[^']|'')*'|\\w+|\"(?:[^\"]|\"\")*\"))*);$",
          Pattern.MULTILINE);

  private static final Pattern OPTION =
      Pattern.compile(
          " (?<key>\\w+) = (?:(?<escape>E?)'(?<text>(?:[^']|'')*)'|(?<word>\\w+)|\"(?:[^\"]|\"\")*\")");

  /**
   * The likeness of a database.
   *
   * @param connection to any database of the server
   * @return empty if the database does not exist
   */
  public static Optional<DatabaseLikeness> of(Connection connection, String database)
      throws SQLException {
    List<DatabaseLikeness> found =
        CatalogQuery.rows(
            connection,
            about(QUERY, database),
            row ->
                new DatabaseLikeness(
                    row.getString(1),
                    row.getString(2),
                    row.getString(3),
                    row.getString(4),
                    Optional.ofNullable(row.getString(5)),
                    Optional.ofNullable(row.getString(6))));
    return found.stream().findFirst();
  }

  /**
   * The likeness of the database that a dump was made of.
   *
   * @param sql what {@code pg_restore --create} prints
   * @return empty if it does not contain this, or not as pg_dump writes it
   */
  public static Optional<DatabaseLikeness> inDump(String sql) {
    Matcher create = CREATE.matcher(sql);
    if (!create.find()) {
      return Optional.empty();
    }
    Map<String, String> options = new HashMap<>();
    Matcher option = OPTION.matcher(create.group("options"));
    while (option.find()) {
      String text = option.group("text");
      if (text != null) {
        text = text.replace("''", "'");
        text = option.group("escape").isEmpty() ? text : text.replace("\\\\", "\\");
      }
      options.put(option.group("key"), text == null ? String.valueOf(option.group("word")) : text);
    }
    String both = options.get("LOCALE");
    String collate = options.getOrDefault("LC_COLLATE", both == null ? "" : both);
    String ctype = options.getOrDefault("LC_CTYPE", both == null ? "" : both);
    if (!options.containsKey("ENCODING") || collate.isEmpty() || ctype.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new DatabaseLikeness(
            options.get("ENCODING"),
            collate,
            ctype,
            options.getOrDefault("LOCALE_PROVIDER", "libc"),
            Optional.ofNullable(options.get("ICU_LOCALE"))
                .or(() -> Optional.ofNullable(options.get("BUILTIN_LOCALE"))),
            Optional.ofNullable(options.get("ICU_RULES"))));
  }

  /** What follows {@code CREATE DATABASE name TEMPLATE template0} to create one like it. */
  public String clause() {
    return "ENCODING %s LC_COLLATE %s LC_CTYPE %s LOCALE_PROVIDER %s%s%s"
        .formatted(
            Sql.literal(encoding),
            Sql.literal(collate),
            Sql.literal(ctype),
            switch (provider) {
              case "icu" -> "icu ICU_LOCALE";
              case "builtin" -> "builtin BUILTIN_LOCALE";
              default -> "libc";
            },
            locale.map(name -> " " + Sql.literal(name)).orElse(""),
            rules.map(text -> " ICU_RULES " + Sql.literal(text)).orElse(""));
  }

  /**
   * What follows CREATE DATABASE for the tablespace of a database; empty if it is the default one,
   * which needs a privilege only if it is named.
   */
  public static String tablespace(Connection connection, String database) throws SQLException {
    return CatalogQuery.rows(connection, about(TABLESPACE, database), row -> row.getString(1))
        .stream()
        .map(name -> " TABLESPACE " + Sql.identifier(name))
        .collect(Collectors.joining());
  }

  private static String about(String query, String database) {
    return Sql.filled(query, Map.of("DATABASE", Sql.literal(database)));
  }
}
