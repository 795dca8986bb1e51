package org.learnflow.db.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringReader;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The kind of a statement follows from its words, not from its comments, strings and names. */
class SqlWordsTest {
  private static SqlWords words(String sql) throws IOException {
    try (SqlScript script = new SqlScript("text.sql", new StringReader(sql))) {
      assertThat(script.hasNext()).isTrue();
      return script.next().words();
    }
  }

  @Test
  void wordsAreAsTheyAreWritten() throws IOException {
    assertThat(
            words(
                    """
                    -- one
                    /* two */ Select a, "b ""x"" (c)", größe_1, 😀 /* ; */, 'it''s (;)', e'\\'' , $q$ ; ) $q$, 15
                    FROM public."T" JOIN (x . y) ON (((a)));
                    """)
                .words())
        .containsExactly(
            "Select",
            "a",
            ",",
            "\"b \"\"x\"\" (c)\"",
            ",",
            "größe_1",
            ",",
            "😀",
            ",",
            "'it''s (;)'",
            ",",
            "e'\\''",
            ",",
            "$q$ ; ) $q$",
            ",",
            "15",
            "FROM",
            "public.\"T\"",
            "JOIN",
            "(",
            "x",
            ".",
            "y",
            ")",
            "ON",
            "(",
            "(",
            "(",
            "a",
            ")",
            ")",
            ")");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "VACUUM",
        "vacuum (analyze) t",
        "VACUUM FULL t",
        "REINDEX INDEX CONCURRENTLY i",
        "reindex (verbose, concurrently) table t",
        "REINDEX (CONCURRENTLY true) TABLE t",
        "REINDEX SCHEMA s",
        "REINDEX (VERBOSE) DATABASE d",
        "REINDEX SYSTEM d",
        "/* a */ ALTER /* b */ TABLE IF EXISTS ONLY \"a.b\".c DETACH PARTITION public.größe_1 CONCURRENTLY",
        "CREATE UNIQUE INDEX CONCURRENTLY ON t (a)",
        "drop index concurrently if exists i, j",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "CREATE DATABASE d",
        "DROP DATABASE IF EXISTS d WITH (FORCE)",
        "ALTER DATABASE d SET TABLESPACE t",
        "CREATE TABLESPACE t LOCATION '/x'",
        "DROP TABLESPACE t",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "DROP SUBSCRIPTION s",
        "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
        "ALTER SUBSCRIPTION s ADD PUBLICATION p",
        "CLUSTER",
        "cluster verbose",
        "CLUSTER (VERBOSE)",
        "DISCARD ALL",
      })
  void whatCannotBeInATransaction(String sql) throws IOException {
    assertThat(words(sql).forbidTransaction()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 'VACUUM; CREATE INDEX CONCURRENTLY i ON t (a)'",
        "DO $$ BEGIN PERFORM 'REINDEX INDEX CONCURRENTLY i'; END $$",
        "CREATE TABLE vacuum (a int) -- VACUUM",
        "CREATE TABLE t (\"CONCURRENTLY\" int)",
        "REINDEX TABLE t",
        "REINDEX (CONCURRENTLY false) TABLE t",
        "REINDEX INDEX \"concurrently\"",
        "ALTER TABLE t DETACH PARTITION p",
        "ALTER TABLE t DETACH PARTITION p FINALIZE",
        "ALTER TABLE t ALTER c SET DEFAULT 'DETACH PARTITION x CONCURRENTLY'",
        "CLUSTER t USING i",
        "CLUSTER VERBOSE t",
        "ANALYZE t",
        "ALTER TYPE mood ADD VALUE 'new'",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false)",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (slot_name = x, create_slot = false)",
        "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)",
        "DISCARD TEMP",
        "COMMENT ON DATABASE d IS 'x'",
      })
  void whatCan(String sql) throws IOException {
    assertThat(words(sql).forbidTransaction()).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          CREATE INDEX CONCURRENTLY i ON t (a)                                     | i          | t
          create unique index concurrently if not exists "ON" on only "a.b" . "c" (x) | "ON"       | "a.b"."c"
          CREATE INDEX CONCURRENTLY größen_größe ON public.größen (größe)          | größen_größe | public.größen
          CREATE INDEX CONCURRENTLY ON t (a)                                       |            | t
          CREATE INDEX CONCURRENTLY U&"d\\0061t" ON t (a)                          |            | t
          """)
  void anIndexThatIsBuiltConcurrently(String sql, @Nullable String index, String table)
      throws IOException {
    assertThat(words(sql + "\n").indexBuild())
        .hasValueSatisfying(build -> {
          assertThat(build.index()).isEqualTo(Optional.ofNullable(index));
          assertThat(build.table()).isEqualTo(table);
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE INDEX i ON t (a) -- CONCURRENTLY",
        "COMMENT ON TABLE t IS 'CREATE INDEX CONCURRENTLY i ON t (a)'",
        "CREATE INDEX \"CONCURRENTLY\" ON t (a)",
        "DROP INDEX CONCURRENTLY i",
      })
  void noIndexIsBuiltConcurrently(String sql) throws IOException {
    assertThat(words(sql).indexBuild()).isEmpty();
  }
}
