package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The same small migrations in the format of every tool; each makes one table. */
public final class MigrationFiles {
  private MigrationFiles() {}

  /** What a format makes of one migration. */
  private interface Format {
    String file(int number);

    default String text(String sql) {
      return sql;
    }
  }

  /** V00001__t_1.sql, also for learnflow-db and psql. */
  public static void flyway(Path folder, int count) throws IOException {
    write(folder, count, MigrationFiles::flywayName);
  }

  public static void golangMigrate(Path folder, int count) throws IOException {
    write(folder, count, "%1$05d_t_%1$d.up.sql"::formatted);
  }

  public static void goose(Path folder, int count) throws IOException {
    write(folder, count, headed("-- +goose Up\n"));
  }

  public static void liquibase(Path folder, int count) throws IOException {
    var header = "--liquibase formatted sql\n--changeset bench:1\n";
    write(Files.createDirectory(folder.resolve("changes")), count, headed(header));
    Files.writeString(
        folder.resolve("changelog.xml"),
        """
        <databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog"
            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
            xsi:schemaLocation="http://www.liquibase.org/xml/ns/dbchangelog
                http://www.liquibase.org/xml/ns/dbchangelog/dbchangelog-latest.xsd">
          <includeAll path="changes" relativeToChangelogFile="true"/>
        </databaseChangeLog>
        """);
  }

  /** One script that gives every file a transaction and a version row: the least one can do. */
  public static void psql(Path folder, int count) throws IOException {
    flyway(folder, count);
    var script = new StringBuilder("CREATE TABLE bench_history (version text PRIMARY KEY);\n");
    for (int number = 1; number <= count; number++) {
      script.append(
          """
          BEGIN;
          \\ir %s
          INSERT INTO bench_history VALUES ('%05d');
          COMMIT;
          """
              .formatted(flywayName(number), number));
    }
    Files.writeString(folder.resolve("apply.sql"), script);
  }

  private static String flywayName(int number) {
    return "V%1$05d__t_%1$d.sql".formatted(number);
  }

  private static Format headed(String header) {
    return new Format() {
      @Override
      public String file(int number) {
        return "%1$05d_t_%1$d.sql".formatted(number);
      }

      @Override
      public String text(String sql) {
        return header + sql;
      }
    };
  }

  private static void write(Path folder, int count, Format format) throws IOException {
    for (int number = 1; number <= count; number++) {
      Files.writeString(folder.resolve(format.file(number)), format.text(sql(number)));
    }
  }

  private static String sql(int number) {
    var second =
        number % 2 == 0
            ? "INSERT INTO t_%1$d VALUES (1, 'first');"
            : "COMMENT ON COLUMN t_%1$d.name IS 'What number %1$d is called';";
    return ("CREATE TABLE t_%1$d (id integer PRIMARY KEY, name text NOT NULL);\n" + second + "\n")
        .formatted(number);
  }
}
