package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/** Gives the owner what the loading role has loaded and created. */
public final class HandOver {
  private static final String STEP = "restore";

  private static final String NAME = "(?:[a-z_][a-z0-9_]*|\"(?:[^\"\\n]|\"\")+\")";

  /** As pg_dump writes it, and nothing else; until version 15 with two spaces behind the kind. */
  private static final Pattern DEFAULT_PRIVILEGES =
      Pattern.compile(
          "ALTER DEFAULT PRIVILEGES FOR ROLE (?<role>%1$s)( IN SCHEMA %1$s)?".formatted(NAME)
              + " (GRANT|REVOKE) [A-Z, ]+ ON (TABLES|SEQUENCES|FUNCTIONS|TYPES|SCHEMAS|LARGE OBJECTS)"
              + " {1,2}(TO|FROM) (PUBLIC|%s)( WITH GRANT OPTION)?;".formatted(NAME));

  private final Connection owner;
  private final String loader;
  private final String ownerName;
  private final Progress progress;

  /**
   * A hand-over.
   *
   * @param owner a guarded session of the owner in the staging database, in autocommit mode
   * @param loader name of the loading role
   */
  public HandOver(Connection owner, String loader, String ownerName, Progress progress) {
    this.owner = owner;
    this.loader = loader;
    this.ownerName = ownerName;
    this.progress = progress;
  }

  /**
   * What the loading role itself does at the end: records under its own name become the owner's.
   *
   * @param loading a session of the loading role in the staging database
   */
  public static void rename(Connection loading, String loader, String ownerName)
      throws SQLException {
    String from = Sql.literal(loader);
    String to = Sql.literal(ownerName);
    updateIfExists(
        loading,
        "public.flyway_schema_history",
        "UPDATE public.flyway_schema_history SET installed_by = %2$s WHERE installed_by = %1$s"
            .formatted(from, to));
    updateIfExists(
        loading,
        "learnflow_db.catalogs",
        """
        UPDATE learnflow_db.catalogs SET expected = (
          SELECT coalesce(jsonb_object_agg(replace(key, %1$s, quote_ident(%2$s)), replace(value, %1$s, quote_ident(%2$s))), '{}')
          FROM jsonb_each_text(expected))
        """
            .formatted(from, to));
  }

  /**
   * Disables autovacuum for tables whose statistics need code to run, such as that of an index over
   * a function. After the hand-over, autovacuum would run that code as the owner, before the dump
   * is in place.
   *
   * @param loading a session of the loading role in the staging database, as the last thing it does
   * @return statements that undo this, once the dump is in place
   */
  public static List<String> keepAutovacuumAway(Connection loading) throws SQLException {
    List<String> back = new ArrayList<>();
    List<String> tables =
        CatalogQuery.rows(
            loading,
            """
            SELECT format('%I.%I', n.nspname, c.relname),
                   (SELECT split_part(o, '=', 2) FROM unnest(c.reloptions) o WHERE o ~ '^autovacuum_enabled=')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm') AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
              AND (EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
                OR EXISTS (SELECT FROM pg_statistic_ext e WHERE e.stxrelid = c.oid AND e.stxexprs IS NOT NULL))
            """,
            row -> {
              String before = row.getString(2);
              back.add(
                  "ALTER TABLE %s %s"
                      .formatted(
                          row.getString(1),
                          before == null
                              ? "RESET (autovacuum_enabled)"
                              : "SET (autovacuum_enabled = %s)".formatted(Sql.literal(before))));
              return row.getString(1);
            });
    for (String table : tables) {
      Sql.execute(loading, "ALTER TABLE %s SET (autovacuum_enabled = false)".formatted(table));
    }
    return back;
  }

  private static void updateIfExists(Connection connection, String table, String update)
      throws SQLException {
    if (Sql.exists(connection, table)) {
      Sql.execute(connection, CatalogQuery.FIXED_PATH + update);
    }
  }

  /**
   * Gives the owner everything; nothing of the loading role is left in the database.
   *
   * @param dumped default privileges in the dump, a statement each as pg_dump writes it; those of
   *     roles other than the owner are reported
   */
  public void run(List<String> dumped) throws SQLException {
    String role = Sql.identifier(loader);
    Sql.execute(owner, "REASSIGN OWNED BY %s TO %s".formatted(role, Sql.identifier(ownerName)));
    for (String statement : ofMigrations()) {
      Sql.execute(owner, statement);
    }
    Sql.execute(owner, "DROP OWNED BY " + role);
    for (String statement : dumped) {
      restore(statement);
    }
  }

  /** Default privileges belong to the role that a migration ran as, and are not handed over. */
  private List<String> ofMigrations() throws SQLException {
    List<String> statements = new ArrayList<>();
    CatalogQuery.rows(
        owner,
        """
        SELECT n.nspname, d.defaclobjtype, g.rolname, a.grantee = 0, a.privilege_type, a.is_grantable
        FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole
          LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace,
          aclexplode(d.defaclacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
        WHERE r.rolname = %1$s AND a.grantee <> r.oid
        UNION ALL
        SELECT NULL, d.defaclobjtype, NULL, true, NULL, false
        FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole
        WHERE r.rolname = %1$s AND d.defaclnamespace = 0 AND d.defaclobjtype IN ('f', 'T')
          AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) a WHERE a.grantee = 0)
        """
            .formatted(Sql.literal(loader)),
        row -> {
          if (row.getString(5) == null) {
            statements.add(
                "ALTER DEFAULT PRIVILEGES REVOKE ALL ON %s FROM PUBLIC"
                    .formatted(kind(row.getString(2))));
            return true;
          }
          String schema = row.getString(1);
          statements.add(
              "ALTER DEFAULT PRIVILEGES%s GRANT %s ON %s TO %s%s"
                  .formatted(
                      schema == null ? "" : " IN SCHEMA " + Sql.identifier(schema),
                      row.getString(5),
                      kind(row.getString(2)),
                      row.getBoolean(4) ? "PUBLIC" : Sql.identifier(row.getString(3)),
                      row.getBoolean(6) ? " WITH GRANT OPTION" : ""));
          return true;
        });
    return statements;
  }

  private static String kind(String letter) {
    return switch (letter) {
      case "r" -> "TABLES";
      case "S" -> "SEQUENCES";
      case "f" -> "FUNCTIONS";
      case "T" -> "TYPES";
      case "n" -> "SCHEMAS";
      case "L" -> "LARGE OBJECTS";
      default -> throw new IllegalStateException("default privileges on " + letter);
    };
  }

  private void restore(String statement) throws SQLException {
    Matcher matcher = DEFAULT_PRIVILEGES.matcher(statement);
    boolean ours =
        matcher.matches()
            && List.of(ownerName, Sql.identifier(ownerName)).contains(matcher.group("role"));
    try {
      if (ours) {
        Sql.execute(owner, statement);
        return;
      }
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
    }
    progress.line(
        STEP, "warning: these default privileges of the dump were left out: " + statement);
  }

  /** The statements that set default privileges, in what pg_restore prints of a dump. */
  public static List<String> defaultPrivileges(String sql) {
    return sql.lines().filter(line -> DEFAULT_PRIVILEGES.matcher(line).matches()).toList();
  }
}
