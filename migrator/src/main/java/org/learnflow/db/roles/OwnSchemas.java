package org.learnflow.db.roles;

/** Defines which schemas of a database are LearnFlow's. */
final class OwnSchemas {
  /**
   * A condition over pg_namespace {@code n} and the owner's OID, {@code @OID@}: {@code public}, the
   * migrator's own, and those of the owner. Somebody else's schema counts only if it is not empty
   * and everything in it is the owner's, because whoever owns a schema can drop and replace what
   * others have in it. Everything is qualified, for an admin's session. What belongs to the role
   * that initdb created has no row in pg_shdepend, and so is not the owner's.
   */
  static final String CONDITION =
      """
      (n.nspname OPERATOR(pg_catalog.=) 'public'::pg_catalog.name
           OR n.nspname OPERATOR(pg_catalog.=) 'learnflow_db'::pg_catalog.name
           OR NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_'::pg_catalog.text)
              AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'::pg_catalog.name
              AND (n.nspowner OPERATOR(pg_catalog.=) @OID@
                OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) n.oid
                             AND c.relowner OPERATOR(pg_catalog.=) @OID@)
                   AND NOT EXISTS (
                     SELECT FROM pg_catalog.pg_depend d
                     WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid
                       AND d.refobjid OPERATOR(pg_catalog.=) n.oid
                       AND NOT EXISTS (
                         SELECT FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database b
                           ON b.oid OPERATOR(pg_catalog.=) s.dbid
                         WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
                           AND s.classid OPERATOR(pg_catalog.=) d.classid AND s.objid OPERATOR(pg_catalog.=) d.objid
                           AND s.deptype OPERATOR(pg_catalog.=) 'o'::pg_catalog."char"
                           AND s.refobjid OPERATOR(pg_catalog.=) @OID@))))
      """;

  private OwnSchemas() {}

  /** The condition, with {@code oid} as an expression for the owner's OID. */
  static String condition(String oid) {
    return CONDITION.replace("@OID@", oid).strip();
  }
}
