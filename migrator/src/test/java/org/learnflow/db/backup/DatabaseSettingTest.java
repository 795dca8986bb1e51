package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.Statement;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** Settings are written back as the server keeps them, and never as statements. */
@ExtendWith(PostgresExtension.class)
class DatabaseSettingTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          public                          | 'public'
          public, "$user"                 | 'public', '$user'
          "$user",public                  | '$user', 'public'
          "a, b", "it's", "say ""so\"""   | 'a, b', 'it''s', 'say "so"'
          ""                              | ''
          a;DROP DATABASE x               | 'a;DROP DATABASE x'
          "a";DROP DATABASE x             | '"a";DROP DATABASE x'
          a, "b                           | 'a, "b'
          a,                              | 'a,'
          """)
  void eachElementOfAListIsQuoted(String value, String written) {
    assertThat(new DatabaseSetting("", "search_path", value.strip()).sql("d\"b"))
        .isEqualTo("ALTER DATABASE \"d\"\"b\" SET \"search_path\" TO " + written.strip());
  }

  @Test
  void namesWithAClassAndValuesOfOthersAreQuoted() {
    assertThat(new DatabaseSetting("r'\"x", "my.set\"ting", "o'clock; DROP ROLE r \\").sql("d"))
        .isEqualTo(
            "ALTER ROLE \"r'\"\"x\" IN DATABASE \"d\" SET \"my\".\"set\"\"ting\" TO"
                + " E'o''clock; DROP ROLE r \\\\'");
  }

  /** What is written back is what was there, for whatever the server took. */
  @Test
  void theServerKeepsTheSameAgain(TestDatabase database) throws Exception {
    database.withRoles();
    String name = database.name();
    try (Connection connection = database.connect(PostgresServer.ADMIN, "postgres");
        Statement statement = connection.createStatement()) {
      statement.execute(
          "ALTER DATABASE %s SET search_path TO 'a b', \"$user\", 'x;y', 'Q\"q', ''"
              .formatted(name));
      statement.execute("ALTER DATABASE %s SET my.thing TO 'it''s \\ \"so\"'".formatted(name));
      statement.execute("ALTER DATABASE %s SET work_mem TO '5MB'".formatted(name));
      var before = DatabaseSetting.of(connection, name);
      statement.execute("ALTER DATABASE %s RESET ALL".formatted(name));
      for (DatabaseSetting setting : before) {
        statement.execute(setting.sql(name));
      }
      assertThat(DatabaseSetting.of(connection, name)).hasSize(3).isEqualTo(before);
    }
  }
}
