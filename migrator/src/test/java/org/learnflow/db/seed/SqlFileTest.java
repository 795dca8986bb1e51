package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.Failure;

/** How an SQL seed file is taken apart. */
class SqlFileTest {
  private static List<SqlFile.Statement> parse(String text) {
    List<SqlFile.Statement> statements = new ArrayList<>();
    try (SqlFile file =
        new SqlFile(
            Path.of("01_data.sql"),
            new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)))) {
      for (var next = file.next(); next.isPresent(); next = file.next()) {
        statements.add(next.get());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return statements;
  }

  @Test
  void aSemicolonEndsAStatementUnlessItIsPartOfATextOrComment() {
    assertThat(
            parse(
                """
                -- first; comment
                SELECT 1; SELECT ';', "a;b", E'\\';', $$;$$, $x$ $$; $x$ -- not here;
                  /* nor; /* here; */ ; */ + a$b;;
                ;SELECT 3\
                """))
        .extracting(SqlFile.Statement::sql)
        .containsExactly(
            "SELECT 1",
            """
            SELECT ';', "a;b", E'\\';', $$;$$, $x$ $$; $x$ -- not here;
              /* nor; /* here; */ ; */ + a$b\
            """,
            "SELECT 3");
  }

  /** Each is one statement, as the server reads it. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "create function f() returns int begin /* ; */ atomic select 1; end",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN CASE b WHEN 1 THEN 2 END END; SELECT 2; END",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT (CASE WHEN a THEN 1 END); SELECT 2; END",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT t.end, 1 AS end FROM t; SELECT 2; END",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC END",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); DELETE FROM b)",
        "(SELECT 1) UNION (SELECT ';')",
        "SELECT e';\\';', E';\\';', ne';\\', n';', b';', U&'\\;'",
        "PREPARE q AS SELECT $1",
        "SELECT a$b, é$x$, \"a\"\"b;\", \"x;\".\"y;\" /* ; */ + 1",
        "SELECT $é$;$é$, $a$ $b$;$b$ $a$, $a1_$;$a1_$",
        "SELECT 1 /*/ ; */",
        "SELECT x AS begin, y AS atomic",
      })
  void whatIsOneStatementForTheServerIsOne(String statement) {
    assertThat(parse("SELECT 'a';\n" + statement + ";\nSELECT '$', 'b'"))
        .extracting(SqlFile.Statement::sql)
        .containsExactly("SELECT 'a'", statement, "SELECT '$', 'b'");
    assertThatThrownBy(() -> parse(statement + ";\nCOMMIT")).isInstanceOf(Failure.class);
  }

  @Test
  void aBodyWithoutItsEndIsTheServersToRefuse() {
    assertThat(parse("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;\nSELECT 2"))
        .hasSize(1);
  }

  @Test
  void aPlaceIsTheLineOfTheStatementOrOfTheCharacterInIt() {
    List<SqlFile.Statement> statements = parse("-- why\n\nSELECT '🐘\n🐘',\n  wrong; SELECT 2");
    assertThat(statements.get(0).place(0)).isEqualTo("01_data.sql, line 3");
    assertThat(statements.get(0).place(8)).isEqualTo("01_data.sql, line 3");
    assertThat(statements.get(0).place(11)).isEqualTo("01_data.sql, line 4");
    assertThat(statements.get(0).place(17)).isEqualTo("01_data.sql, line 5");
    assertThat(statements.get(0).place(999)).isEqualTo("01_data.sql, line 5");
    assertThat(statements.get(1).place(1)).isEqualTo("01_data.sql, line 5");
  }

  /** Wherever what is read at once ends: each of the characters is the last one once. */
  @Test
  void whatIsReadAtOnceMayEndAnywhere() {
    String text =
        """
        SELECT 1; SELECT ';', "a;b", E'\\';', E'\\\\', $$;$$, $abc$ $$; $abc $abc$ -- not here;
          /* nor; /* here; */ ; */ + a$b, 'a'';', ne'\\', '🐘;' -- é;
        ; PREPARE q AS SELECT 2;
        """;
    List<String> expected = parse(text).stream().map(SqlFile.Statement::sql).toList();
    assertThat(expected).hasSize(3);
    for (int at = 0; at <= text.length(); at++) {
      String before = "\n".repeat((1 << 16) - at);
      List<SqlFile.Statement> statements = parse(before + text);
      assertThat(statements).extracting(SqlFile.Statement::sql).isEqualTo(expected);
      assertThat(statements)
          .extracting(SqlFile.Statement::line)
          .containsExactly(before.length() + 1L, before.length() + 1L, before.length() + 3L);
    }
  }

  @Test
  void aStatementMayBeLongerThanWhatIsReadAtOnce() {
    String text = "SELECT '" + "x;\n".repeat(300_000) + "'";
    List<SqlFile.Statement> statements = parse("-- a\n" + text + ";\n" + text);
    assertThat(statements).extracting(SqlFile.Statement::sql).containsExactly(text, text);
    assertThat(statements.get(1).place(text.length())).isEqualTo("01_data.sql, line 600003");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " \n", "-- only a comment", "/* open", ";;", "--"})
  void aFileMayHoldNoStatement(String text) {
    assertThat(parse(text)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "COMMIT",
        "commit and chain",
        "Commit/* */work",
        "begin",
        "START TRANSACTION",
        "END",
        "ROLLBACK",
        "rollback to savepoint a",
        "abort",
        "PREPARE\n TRANSACTION 'x'",
      })
  void theTransactionOfTheSetCannotBeEnded(String statement) {
    assertThatThrownBy(() -> parse("SELECT 'a'; -- b\n/* c */ " + statement + ";\nSELECT 1"))
        .isInstanceOfSatisfying(
            Failure.class,
            failure -> {
              assertThat(failure.code().value()).isEqualTo(8);
              assertThat(failure.where()).hasValue("01_data.sql, line 2");
            });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 'COMMIT'; SELECT ';COMMIT;'",
        "DO $$ BEGIN PERFORM 1; END $$",
        "-- COMMIT;\nSELECT 1",
        "/* ; COMMIT; */ SELECT 1",
        "PREPARE q AS SELECT 1",
        "SELECT \"; COMMIT;\" FROM t",
        "SAVEPOINT a",
        "INSERT INTO commits VALUES (1)",
        "COMMENT ON TABLE t IS 'x'",
      })
  void whatOnlyLooksLikeTransactionControlIsAllowed(String text) {
    assertThat(parse(text)).isNotEmpty();
  }
}
