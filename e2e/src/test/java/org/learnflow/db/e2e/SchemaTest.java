package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What migrations will do, what was done beside them, and tables that they did not make. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class SchemaTest {
  private static final String REWRITE =
      "ALTER TABLE users ADD COLUMN joined timestamptz NOT NULL DEFAULT clock_timestamp();\n";

  /** Version before the view over the history. */
  static final String BASELINE = "008";

  @Test
  @DisplayName(
      "plan, by make and as a Job, names lock and rewrite of a pending migration, and changes nothing; what was made by hand make drift tells, and helm test after the next upgrade, until it is accepted")
  void planAndDrift(Workspace workspace, @TempDir Path folder) {
    String next = Images.withMigration("planned", Migrations.FILE, REWRITE);
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    assertThat(MakeTest.make(workspace, namespace, "plan").successful().output())
        .contains("nothing is pending");
    assertThat(MakeTest.make(workspace, namespace, "drift").successful().output())
        .contains("no drift");

    Map<String, String> nextFiles =
        Map.of("LEARNFLOW_DB_MIGRATIONS", migrationsAnd(folder, REWRITE).toString());
    assertThat(MakeTest.make(workspace, nextFiles, namespace, "plan").successful().output())
        .containsPattern(Migrations.FILE + " +users +ACCESS EXCLUSIVE .*table");
    String job =
        release
            .migrateJob("--set", "migrator.image.tag=" + next)
            .replace("[\"run\"]", "[\"plan\"]");
    assertThat(job).contains("[\"plan\"]");
    assertThat(new Jobs(workspace, namespace).run(job, 60))
        .containsPattern(Migrations.FILE + " +users +ACCESS EXCLUSIVE .*table");
    assertThat(release.learnflowDb("status").successful().output())
        .contains("Schema:      " + Repository.newestMigration());

    new Pods(workspace.client())
        .sql(
            namespace,
            "learnflow",
            "SET ROLE learnflow_owner; CREATE INDEX by_name ON users (username)");
    assertThat(MakeTest.make(workspace, namespace, "drift").failed().output())
        .contains("added index public.by_name");
    release.upgradeInstall("--set", "migrator.image.tag=" + next).successful();
    assertThat(release.test().successful().output())
        .contains("! drift: 1 object: added index", "healthy");
    service.run("find", "ada");
    release.learnflowDb("drift", "--accept", "index public.by_name", "--yes").successful();
    assertThat(MakeTest.make(workspace, namespace, "drift").successful().output())
        .contains("no drift");
  }

  /** The migrations of this checkout, and the next one. */
  private static Path migrationsAnd(Path folder, String next) {
    try (Stream<Path> files = Files.list(Repository.ROOT.resolve("migrations"))) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
      Files.writeString(folder.resolve(Migrations.FILE), next);
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  @DisplayName(
      "a database with the tables but without history: the upgrade says adopt; adopt takes it over, and the next upgrade continues from there with all rows")
  void adopt(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    new Pods(workspace.client())
        .sql(
            namespace,
            "learnflow",
            "DROP TABLE flyway_schema_history CASCADE; DROP SCHEMA learnflow_db CASCADE");

    assertThat(release.upgradeInstall().failed().output())
        .contains("holds tables, but no migration history", "learnflow-db adopt");
    assertThat(
            release
                .learnflowDb("adopt", "--baseline", Repository.newestMigration())
                .failed()
                .output())
        .contains("view schema_migrations is missing", BASELINE);
    assertThat(release.learnflowDb("adopt", "--baseline", BASELINE).successful().output())
        .contains("schema at " + BASELINE);
    release.upgradeInstall().successful();
    assertThat(release.published(namespace))
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
    service.run("find,everything", "ada");
  }
}
