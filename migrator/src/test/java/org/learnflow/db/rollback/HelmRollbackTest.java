package org.learnflow.db.rollback;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;

/** The chart's pre-rollback hook: an older image undoes what the newer one applied. */
@ExtendWith(PostgresExtension.class)
class HelmRollbackTest {
  @TempDir private Path directory = Path.of("");
  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.require("reading Helm's records is");
  }

  /** A database at 2, seen by an image that knows 1 only, in the hook of revision 3. */
  private Cli older(TestDatabase database) {
    MigrationDirectory migrations =
        new MigrationDirectory(directory)
            .with("V1__one.sql", "CREATE TABLE one (id int);")
            .with("U1__one.sql", "DROP TABLE one;")
            .with("V2__two.sql", "CREATE TABLE two (id int);")
            .with("U2__two.sql", "DROP TABLE two;");
    Cli cli =
        migrations
            .cli(database.withRoles())
            .with("LEARNFLOW_DB_RELEASE", "shop")
            .with("LEARNFLOW_DB_NAMESPACE", server.namespace())
            .with("LEARNFLOW_DB_PUBLISH_TO", "none")
            .with("LEARNFLOW_DB_TO_HELM_REVISION", "3");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    migrations.without("V2__two.sql").without("U2__two.sql");
    return cli;
  }

  private void revision(int number, String status) {
    server.apply(
        """
        apiVersion: v1
        kind: Secret
        type: helm.sh/release.v1
        metadata:
          name: sh.helm.release.v1.shop.v%d
          labels: {name: shop, owner: helm, "status": %s, version: "%1$d"}
        """
            .formatted(number, status));
  }

  private static void backup(TestDatabase database, String age) throws Exception {
    database.execute(
        database.owner(),
        """
        INSERT INTO learnflow_db.backups (kind, name, bytes, sha256, schema_version, finished_at)
        VALUES ('file', 'x.dump', 1, 'x', '2', now() - interval '%s')
        """
            .formatted(age));
  }

  private static void assertAt(TestDatabase database, String version) throws Exception {
    assertThat(database.query("SELECT max(version) FROM flyway_schema_history"))
        .containsExactly(version);
  }

  @Test
  void whileHelmRollsBackAndAfterARecentBackupItUndoesWithoutAsking(TestDatabase database)
      throws Exception {
    Cli cli = older(database);
    backup(database, "23 hours");
    // Helm has deleted revision 4 meanwhile.
    revision(3, "superseded");
    revision(5, "failed");
    revision(6, "pending-rollback");
    assertThat(cli.run("rollback"))
        .exited(ExitCode.OK)
        .says("undo V2__two.sql", "table public.two, 0 rows")
        .answers("healthy");
    assertAt(database, "1");
    assertThat(cli.run("rollback")).exited(ExitCode.OK).answers("nothing to do: schema at 1");
  }

  @Test
  void anImageThatKnowsAllThatIsAppliedDoesNothingAndAsksNobody(TestDatabase database)
      throws Exception {
    assertThat(database.migrated().cli().run("rollback", "--to-helm-revision", "3"))
        .exited(ExitCode.OK)
        .answers("nothing to do: schema at " + ProjectMigrations.newest());
  }

  @Test
  void withoutARollbackOfHelmsOwnItRefusesAndNamesTheWayOut(TestDatabase database)
      throws Exception {
    Cli cli = older(database);
    backup(database, "1 hour");
    assertThat(cli.run("rollback"))
        .exited(ExitCode.REFUSED)
        .says("there is no revision 4 to 33", "docs/how-to/rollback.md");
    revision(4, "pending-rollback");
    revision(5, "deployed");
    assertThat(cli.run("rollback"))
        .exited(ExitCode.REFUSED)
        .says(
            "Helm is not rolling release shop back: its revision 5 is deployed",
            "helm rollback shop 3 -n %s --no-hooks".formatted(server.namespace()));
    assertAt(database, "2");
  }

  @Test
  void withoutARecentBackupItRefusesAndNamesTheWayOut(TestDatabase database) throws Exception {
    Cli cli = older(database);
    revision(4, "pending-rollback");
    assertThat(cli.run("rollback"))
        .exited(ExitCode.REFUSED)
        .says("needs a backup from the last 24h, and there is none", "--no-hooks");
    backup(database, "25 hours");
    assertThat(cli.run("rollback"))
        .exited(ExitCode.REFUSED)
        .says("the last one is 1 day 01:00:0", "helm rollback shop 3");
    assertAt(database, "2");
    assertThat(cli.run("rollback", "--backup-max-age", "26h")).exited(ExitCode.OK);
    assertAt(database, "1");
  }
}
