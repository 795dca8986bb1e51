package org.learnflow.db.roles;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/**
 * Schemas and relations among the owner's that belong to a role of which the owner is not a member,
 * so that only an admin can give them to it, inside the database. Except for advisory locks, these
 * are the only statements that an admin's session runs there; see {@link
 * org.learnflow.db.connect.AdminSessions}. Every function and operator is qualified, even if the
 * search path already does that.
 */
final class ForeignObjects {
  private static final String QUERY =
      """
      WITH roles AS (
        SELECT oid AS owner_oid, pg_catalog.quote_ident(rolname) AS owner
        FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) @OWNER@::pg_catalog.name
      ), schemas AS (
        SELECT n.oid, n.nspname, n.nspowner, r.owner_oid, r.owner FROM pg_catalog.pg_namespace n, roles r
        WHERE @OWN_SCHEMA@
      )
      SELECT 'SCHEMA', pg_catalog.quote_ident(s.nspname), s.owner FROM schemas s
        WHERE NOT pg_catalog.pg_has_role(s.owner_oid, s.nspowner, 'USAGE')
      UNION ALL
      SELECT 'TABLE', pg_catalog.concat(pg_catalog.quote_ident(s.nspname), '.', pg_catalog.quote_ident(c.relname)), s.owner
        FROM schemas s, pg_catalog.pg_class c
        WHERE c.relnamespace OPERATOR(pg_catalog.=) s.oid
          AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f', 'S']::pg_catalog."char"[])
          AND NOT pg_catalog.pg_has_role(s.owner_oid, c.relowner, 'USAGE')
          -- What belongs to an extension, and a column's own sequence, which follows its table.
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                          WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                            AND d.objid OPERATOR(pg_catalog.=) c.oid
                            AND (d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog."char"
                              OR c.relkind OPERATOR(pg_catalog.=) 'S'::pg_catalog."char"
                                 AND d.refobjsubid OPERATOR(pg_catalog.>) 0
                                 AND (d.deptype OPERATOR(pg_catalog.=) 'a'::pg_catalog."char"
                                   OR d.deptype OPERATOR(pg_catalog.=) 'i'::pg_catalog."char")))
      """
          .replace("@OWN_SCHEMA@", OwnSchemas.condition("r.owner_oid"));

  private ForeignObjects() {}

  /**
   * What to give to the owner, schemas first.
   *
   * @param connection to the database in question
   */
  static List<Deviation> find(Connection connection, RoleNames names) throws SQLException {
    return CatalogQuery.rows(
        connection,
        Sql.filled(QUERY, Map.of("OWNER", Sql.literal(names.owner()))),
        row -> {
          String kind = row.getString(1);
          String object = row.getString(2);
          String owner = row.getString(3);
          return new Deviation(
              "%s%s is not owned by %s"
                  .formatted(kind.equals("SCHEMA") ? "schema " : "", object, owner),
              "ALTER %s %s OWNER TO %s".formatted(kind, object, owner));
        });
  }
}
