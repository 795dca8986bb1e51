package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/**
 * What a server has besides the contents of its databases, as far as every role can read it.
 *
 * @param entries by a name for people, such as {@code setting work_mem of role app}
 */
record SharedCatalog(NavigableMap<String, Entry> entries) {
  /** All of it, except for one database and those that other trials create and drop. */
  private static final String QUERY =
      """
      WITH databases AS (
        SELECT d.*, format('DATABASE %I', d.datname) AS object FROM pg_database d
        WHERE d.datname <> @EXCEPT@ AND NOT starts_with(d.datname::text, @SCRATCH@)
      ), settings AS (
        SELECT CASE s.setrole WHEN 0 THEN d.object
               ELSE 'ROLE ' || quote_ident(r.rolname) || coalesce(' IN ' || d.object, '') END AS object,
               n.name, substr(c, strpos(c, '=') + 1) AS value,
               (SELECT string_agg(quote_ident(p), '.') FROM unnest(string_to_array(n.name, '.')) p) AS quoted
        FROM pg_db_role_setting s LEFT JOIN databases d ON d.oid = s.setdatabase
             LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) c,
             LATERAL (SELECT split_part(c, '=', 1)) n (name)
        WHERE s.setdatabase = 0 OR d.oid IS NOT NULL
      ), comments AS (
        SELECT coalesce(d.object, 'ROLE ' || quote_ident(r.rolname), 'TABLESPACE ' || quote_ident(t.spcname)) AS object, c.description
        FROM pg_shdescription c
             LEFT JOIN databases d ON c.classoid = 'pg_database'::regclass AND d.oid = c.objoid
             LEFT JOIN pg_roles r ON c.classoid = 'pg_authid'::regclass AND r.oid = c.objoid
             LEFT JOIN pg_tablespace t ON c.classoid = 'pg_tablespace'::regclass AND t.oid = c.objoid
      ), grants AS (
        SELECT d.object, a.privilege_type AS may, a.is_grantable,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(a.grantee)) END AS grantee
        FROM databases d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
      )
      SELECT 'database ' || datname,
             (to_jsonb(d) - 'object' - 'datacl' - 'datfrozenxid' - 'datminmxid')::text, NULL, NULL
      FROM databases d
      UNION ALL
      SELECT format('setting %s of %s', name, object), value,
             format('SELECT pg_catalog.set_config(%L, %L, true); ALTER %s SET %s FROM CURRENT', name, value, object, quoted),
             format('ALTER %s RESET %s', object, quoted)
      FROM settings WHERE object IS NOT NULL
      UNION ALL
      SELECT 'comment on ' || object, description, format('COMMENT ON %s IS %L', object, description),
             format('COMMENT ON %s IS NULL', object)
      FROM comments WHERE object IS NOT NULL
      UNION ALL
      SELECT format('privilege %s on %s of %s', may, object, grantee),
             CASE WHEN bool_or(is_grantable) THEN 'with grant option' ELSE 'granted' END,
             format('REVOKE %s ON %s FROM %s; GRANT %1$s ON %2$s TO %3$s', may, object, grantee)
               || CASE WHEN bool_or(is_grantable) THEN ' WITH GRANT OPTION' ELSE '' END,
             format('REVOKE %s ON %s FROM %s', may, object, grantee)
      FROM grants GROUP BY may, object, grantee
      UNION ALL
      SELECT 'role ' || rolname, (to_jsonb(r) - 'rolconfig')::text, NULL, NULL FROM pg_roles r
      UNION ALL
      SELECT format('membership of %s in %s', pg_get_userbyid(member), pg_get_userbyid(roleid)),
             string_agg((to_jsonb(m) - 'oid')::text, ' ' ORDER BY m.grantor), NULL, NULL
      FROM pg_auth_members m GROUP BY member, roleid
      UNION ALL
      SELECT 'tablespace ' || spcname, to_jsonb(t)::text, NULL, NULL FROM pg_tablespace t
      UNION ALL
      SELECT 'privileges on parameter ' || parname, paracl::text, NULL, NULL FROM pg_parameter_acl
      UNION ALL
      SELECT 'replication slot ' || slot_name, plugin, NULL, NULL FROM pg_replication_slots
      UNION ALL
      SELECT format('security label of %s on %s', provider, l.objoid), label, NULL, NULL
      FROM pg_shseclabel l WHERE l.objoid NOT IN (SELECT oid FROM pg_database WHERE datname = @EXCEPT@)
      """;

  /**
   * An entry.
   *
   * @param definition what it is
   * @param make SQL that restores the definition if only that is changed; null if there is none
   * @param remove SQL that removes it; null if there is none
   */
  record Entry(String definition, @Nullable String make, @Nullable String remove) {}

  /**
   * A difference.
   *
   * @param what such as {@code changed setting work_mem of role app}
   * @param back SQL that undoes it; null if there is none
   */
  record Change(String what, @Nullable String back) {}

  /**
   * What a session sees, including what its own transaction has done so far.
   *
   * @param except the database that is left out
   */
  static SharedCatalog read(Connection connection, String except) throws SQLException {
    NavigableMap<String, Entry> entries = new TreeMap<>();
    CatalogQuery.rows(
        connection,
        Sql.filled(
            QUERY,
            Map.of("EXCEPT", Sql.literal(except), "SCRATCH", Sql.literal(ScratchDatabase.PREFIX))),
        row -> {
          entries.put(
              row.getString(1),
              new Entry(
                  Objects.toString(row.getString(2), ""), row.getString(3), row.getString(4)));
          return true;
        });
    return new SharedCatalog(entries);
  }

  /** What was changed since this was read. */
  List<Change> changedIn(SharedCatalog now) {
    List<Change> changes = new ArrayList<>();
    TreeSet<String> names = new TreeSet<>(entries.keySet());
    names.addAll(now.entries.keySet());
    for (String name : names) {
      Entry was = entries.get(name);
      Entry is = now.entries.get(name);
      if (is == null && was != null) {
        changes.add(new Change("removed " + name, was.make()));
      } else if (is != null && was == null) {
        changes.add(new Change("added " + name, is.remove()));
      } else if (is != null && was != null && !is.definition().equals(was.definition())) {
        changes.add(new Change("changed " + name, was.make()));
      }
    }
    return List.copyOf(changes);
  }
}
