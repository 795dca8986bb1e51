package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.Failure;

/** How an SQL seed file is taken apart. */
class SqlFileTest {
  private static SqlFile parse(String text) {
    return SqlFile.parse(Path.of("01_data.sql"), text);
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
                    """)
                .statements())
        .extracting(SqlFile.Statement::sql)
        .containsExactly(
            "SELECT 1",
            """
            SELECT ';', "a;b", E'\\';', $$;$$, $x$ $$; $x$ -- not here;
              /* nor; /* here; */ ; */ + a$b\
            """,
            "SELECT 3");
  }

  @Test
  void aPlaceIsTheLineOfTheStatementOrOfTheCharacterInIt() {
    SqlFile file = parse("-- why\n\nSELECT '🐘\n🐘',\n  wrong; SELECT 2");
    assertThat(file.place(file.statements().get(0), 0)).isEqualTo("01_data.sql, line 3");
    assertThat(file.place(file.statements().get(0), 8)).isEqualTo("01_data.sql, line 3");
    assertThat(file.place(file.statements().get(0), 11)).isEqualTo("01_data.sql, line 4");
    assertThat(file.place(file.statements().get(0), 17)).isEqualTo("01_data.sql, line 5");
    assertThat(file.place(file.statements().get(0), 999)).isEqualTo("01_data.sql, line 5");
    assertThat(file.place(file.statements().get(1), 1)).isEqualTo("01_data.sql, line 5");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " \n", "-- only a comment", "/* open", ";;", "--"})
  void aFileMayHoldNoStatement(String text) {
    assertThat(parse(text).statements()).isEmpty();
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
    assertThat(parse(text).statements()).isNotEmpty();
  }
}
