package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The same small migrations in the format of every tool; each makes one table. */
public final class MigrationFiles {
  private static final String FLYWAY = "V%1$05d__t_%1$d.sql";

  private MigrationFiles() {}

  /** V00001__t_1.sql, also for learnflow-db and psql. */
  public static void flyway(Path folder, int count) throws IOException {
    write(folder, count, FLYWAY, "");
  }

  public static void golangMigrate(Path folder, int count) throws IOException {
    write(folder, count, "%1$05d_t_%1$d.up.sql", "");
  }

  public static void goose(Path folder, int count) throws IOException {
    write(folder, count, "%1$05d_t_%1$d.sql", "-- +goose Up\n");
  }

  /** All changesets in one file, which Liquibase reads twice as fast as a file for each. */
  public static void liquibase(Path folder, int count) throws IOException {
    var changelog = new StringBuilder("--liquibase formatted sql\n");
    for (int number = 1; number <= count; number++) {
      changelog.append("--changeset bench:").append(number).append('\n').append(sql(number));
    }
    Files.writeString(folder.resolve("changelog.sql"), changelog);
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
              .formatted(FLYWAY.formatted(number), number));
    }
    Files.writeString(folder.resolve("apply.sql"), script);
  }

  private static void write(Path folder, int count, String name, String header) throws IOException {
    for (int number = 1; number <= count; number++) {
      Files.writeString(folder.resolve(name.formatted(number)), header + sql(number));
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
