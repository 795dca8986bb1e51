package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/**
 * What is loaded of a dump, as pg_restore's --use-list takes it: without what only an admin can
 * create.
 *
 * @param text a line for each object
 * @param leftOut what is not loaded, a sentence each with what to do
 */
public record LoadList(String text, List<String> leftOut) {
  private static final String ENTRY = "\\d+; \\d+ \\d+ ";
  private static final Pattern EXTENSION =
      Pattern.compile(ENTRY + "(?<comment>COMMENT - )?EXTENSION (- )?(?<name>.*?) ?");
  private static final Pattern EVENT_TRIGGER =
      Pattern.compile(ENTRY + "(?<comment>COMMENT - )?EVENT TRIGGER (- )?(?<name>.*) [^ ]*");
  private static final Pattern SUBSCRIPTION = Pattern.compile(ENTRY + "SUBSCRIPTION .*");
  private static final Pattern SCHEMA_OF_PUBLICATION =
      Pattern.compile(ENTRY + "PUBLICATION TABLES IN SCHEMA [^ ]+ (?<name>.*) [^ ]*");
  private static final Pattern PUBLICATION =
      Pattern.compile(ENTRY + "(?<comment>COMMENT - )?PUBLICATION (- )?(?<name>.*) [^ ]*");
  private static final Pattern DEFAULT_PRIVILEGES = Pattern.compile(ENTRY + "DEFAULT ACL .*");

  /** As pg_dump writes it. */
  private static final Pattern ALL_TABLES =
      Pattern.compile(
          "^CREATE PUBLICATION (?<name>[a-z_][a-z0-9_]*|\"(?:[^\"\\n]|\"\")+\") FOR ALL TABLES",
          Pattern.MULTILINE);

  /**
   * The names of extensions that only an admin can create on a server.
   *
   * @param connection to any database of it
   */
  public static Set<String> extensionsOfAdmins(Connection connection) throws SQLException {
    return Set.copyOf(
        CatalogQuery.rows(
            connection,
            """
            SELECT a.name FROM pg_available_extensions a
              JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
            WHERE v.superuser AND NOT v.trusted
            """,
            row -> row.getString(1)));
  }

  /**
   * Of a dump.
   *
   * @param list what pg_restore --list prints of it
   * @param definitions what it prints of the section post-data
   * @param extensions that only an admin can create
   * @param withDefaultPrivileges whether the role that loads it sets these itself
   */
  public static LoadList of(
      String list, String definitions, Set<String> extensions, boolean withDefaultPrivileges) {
    Set<String> ofAll =
        ALL_TABLES
            .matcher(definitions)
            .results()
            .map(found -> unquoted(found.group("name")))
            .collect(Collectors.toSet());
    Set<String> leftOut = new TreeSet<>();
    List<String> lines = new ArrayList<>();
    for (String line : list.lines().toList()) {
      boolean loaded =
          (withDefaultPrivileges || !DEFAULT_PRIVILEGES.matcher(line).matches())
              && !isOfAdmins(line, extensions, ofAll, leftOut);
      if (loaded) {
        lines.add(line);
      }
    }
    return new LoadList(
        lines.stream().collect(Collectors.joining("\n", "", "\n")), List.copyOf(leftOut));
  }

  private static boolean isOfAdmins(
      String line, Set<String> extensions, Set<String> ofAll, Set<String> leftOut) {
    Matcher extension = EXTENSION.matcher(line);
    if (extension.matches() && extensions.contains(name(extension))) {
      String name = Sql.identifier(name(extension));
      return leftOut(leftOut, "extension", name, "CREATE EXTENSION " + name);
    }
    Matcher trigger = EVENT_TRIGGER.matcher(line);
    if (trigger.matches()) {
      String name = Sql.identifier(trigger.group("name"));
      return trigger.group("comment") != null
          || leftOut(leftOut, "event trigger", name, "CREATE EVENT TRIGGER %s ...".formatted(name));
    }
    if (SUBSCRIPTION.matcher(line).matches()) {
      return leftOut(leftOut, "a", "subscription", "CREATE SUBSCRIPTION ...");
    }
    Matcher schema = SCHEMA_OF_PUBLICATION.matcher(line);
    if (schema.matches()) {
      return leftOut(
          leftOut,
          "a schema of a",
          "publication: " + schema.group("name"),
          "ALTER PUBLICATION ... ADD TABLES IN SCHEMA ...");
    }
    Matcher publication = PUBLICATION.matcher(line);
    if (publication.matches() && ofAll.contains(name(publication))) {
      String name = Sql.identifier(name(publication));
      return publication.group("comment") != null
          || leftOut(
              leftOut, "publication", name, "CREATE PUBLICATION %s FOR ALL TABLES".formatted(name));
    }
    return false;
  }

  /** Comments quote the name of their object as SQL does; other entries do not. */
  private static String name(Matcher entry) {
    String name = entry.group("name");
    return entry.group("comment") == null ? name : unquoted(name);
  }

  private static boolean leftOut(Set<String> leftOut, String kind, String name, String sql) {
    leftOut.add(
        "%s %s is left out, because only an admin can create it; if you need it, run afterwards as the admin: %s"
            .formatted(kind, name, sql));
    return true;
  }

  static String unquoted(String name) {
    return name.startsWith("\"")
        ? name.substring(1, name.length() - 1).replace("\"\"", "\"")
        : name;
  }
}
