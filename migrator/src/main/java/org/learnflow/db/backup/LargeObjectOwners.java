package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/**
 * Who owns the large objects of a dump. Unlike everything else in a database, services create them,
 * and only their owner can read and change them.
 *
 * @param objects numbers by role
 */
public record LargeObjectOwners(Map<String, List<Long>> objects) {
  private static final String STEP = "restore";
  private static final int BATCH = 1000;

  /** One line for each until PostgreSQL 16; from 17 on, one for many of the same owner. */
  private static final Pattern ENTRY = Pattern.compile("\\d+; 2613 \\d+ BLOB( METADATA)? - .*");

  /** As pg_dump writes it, and nothing else. */
  private static final Pattern OWNER =
      Pattern.compile(
          "^ALTER LARGE OBJECT (?<object>\\d+) OWNER TO (?<role>[a-z_][a-z0-9_]*|\"(?:[^\"\\n]|\"\")+\");$",
          Pattern.MULTILINE);

  /** The lines in what pg_restore --list prints that name owners, for --use-list. */
  public static String entries(String list) {
    return list.lines()
        .filter(line -> ENTRY.matcher(line).matches())
        .collect(Collectors.joining("\n", "", "\n"));
  }

  /** Those in what pg_restore prints of such entries. */
  public static LargeObjectOwners in(String sql) {
    Map<String, List<Long>> objects = new TreeMap<>();
    OWNER
        .matcher(sql)
        .results()
        .forEach(found ->
            objects
                .computeIfAbsent(LoadList.unquoted(found.group("role")), _ -> new ArrayList<>())
                .add(Long.valueOf(found.group("object"))));
    return new LargeObjectOwners(objects);
  }

  /**
   * Gives them back if the owner of the database is allowed to; reports the others.
   *
   * @param owner a guarded session of the owner, whose they all are
   */
  public void giveBack(Connection owner, Progress progress) throws SQLException {
    Set<Long> there =
        new HashSet<>(
            CatalogQuery.rows(
                owner,
                """
                SELECT oid FROM pg_largeobject_metadata WHERE lomowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
                """,
                row -> row.getLong(1)));
    for (Map.Entry<String, List<Long>> entry : objects.entrySet()) {
      List<Long> left = entry.getValue().stream().filter(there::contains).toList();
      if (left.isEmpty() || entry.getKey().equals(owner.getMetaData().getUserName())) {
        continue;
      }
      String role = Sql.identifier(entry.getKey());
      if (!isMember(owner, entry.getKey())) {
        progress.line(
            STEP,
            "warning: %d large objects belonged to %s and now belong to the owner, who is not a member of that role; run as the admin: ALTER LARGE OBJECT %s OWNER TO %s"
                .formatted(
                    left.size(),
                    role,
                    left.size() == 1 ? left.getFirst() : left.getFirst() + " (and so on)",
                    role));
        continue;
      }
      for (int begin = 0; begin < left.size(); begin += BATCH) {
        try (Statement statement = owner.createStatement()) {
          for (Long one : left.subList(begin, Math.min(begin + BATCH, left.size()))) {
            statement.addBatch("ALTER LARGE OBJECT %d OWNER TO %s".formatted(one, role));
          }
          statement.executeBatch();
        }
      }
    }
  }

  private static boolean isMember(Connection owner, String role) throws SQLException {
    return CatalogQuery.rows(
            owner,
            "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = %s"
                .formatted(Sql.literal(role)),
            row -> row.getBoolean(1))
        .contains(true);
  }
}
