package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A PostgreSQL that the release did not make: that of another release. */
@ExtendWith(Workspaces.class)
class ExternalTest {
  private static final String SECRET = "passwords";

  @Test
  @DisplayName(
      "external database: with admin credentials it is made and published; then without them, where a missing right is told as SQL")
  void external(Workspace workspace) {
    Release other = new Release(workspace, "helm", workspace.unmade(), "values-dev.yaml");
    other.upgradeInstall().successful();
    String namespace = workspace.restricted();
    String host = "postgres." + other.namespace() + ".svc.cluster.local";
    makeSecret(workspace, namespace, Release.decoded(other.credentials()));
    Release release = new Release(workspace, "helm", namespace, "values-prod.yaml");
    String external =
        String.join(
            ",",
            List.of(
                "postgresql.enabled=false",
                "externalDatabase.host=" + host,
                "externalDatabase.database=side",
                "externalDatabase.user=side_owner",
                "externalDatabase.sslmode=disable",
                "roles.app=side_user",
                "credentials.existingSecret=" + SECRET));

    release
        .upgradeInstall("--set", external, "--set", "externalDatabase.adminUser=postgres")
        .successful();
    assertThat(release.published(namespace))
        .containsEntry("PGHOST", host)
        .containsEntry("PGDATABASE", "side")
        .containsEntry("PGUSER", "side_user")
        .containsEntry("PGSSLMODE", "disable")
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
    new Service(workspace, namespace).run("add,find,everything,refused", "ada");
    assertThat(release.test().successful().output().strip()).endsWith("healthy");

    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    release.upgradeInstall("--set", external).successful();
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before))
        .containsOnly("ConfigMap " + namespace + "/" + Release.NAME + "-release");
    assertThat(workspace.client().apps().statefulSets().inNamespace(namespace).list().getItems())
        .isEmpty();
    new Service(workspace, namespace).run("find", "ada");

    new Pods(workspace.client())
        .sql(other.namespace(), "side", "REVOKE USAGE ON SCHEMA public FROM side_user, PUBLIC");
    Command failed =
        release.upgradeInstall("--set", external, "--set", "migrator.backoffLimit=0").failed();
    assertThat(failed.output()).contains("GRANT USAGE ON SCHEMA public TO side_user");
  }

  private static void makeSecret(
      Workspace workspace, String namespace, Map<String, String> passwords) {
    workspace
        .client()
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName(SECRET)
                .withNamespace(namespace)
                .endMetadata()
                .addToStringData("postgres-password", passwords.get("postgres-password"))
                .addToStringData("password", "side-owner-password")
                .addToStringData("app-password", "side-user-password")
                .build())
        .create();
  }
}
