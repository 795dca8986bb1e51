package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A PostgreSQL that the release did not make: that of another release. */
@ExtendWith(Workspaces.class)
class ExternalTest {
  private static final String SECRET = "passwords";

  /** The first Job that talks to the database, with values-prod.yaml. */
  private static final String MIGRATE = Release.NAME + "-migrate";

  @Test
  @DisplayName(
      "external database: created and published with admin credentials; then without them, where the owner grants what is missing and the rest is printed as SQL")
  void external(Workspace workspace) {
    Release other = new Release(workspace, "helm", workspace.unmade(), "values-dev.yaml");
    other.upgradeInstall().successful();
    String namespace = workspace.restricted();
    String host = host("postgres", other);
    makePasswords(workspace, namespace, other);
    Release release = new Release(workspace, "helm", namespace, "values-prod.yaml");
    String external = external(host) + ",externalDatabase.sslmode=disable";

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
    release.upgradeInstall("--set", external).successful();
    new Service(workspace, namespace).run("find", "ada");

    new Pods(workspace.client()).sql(other.namespace(), "side", "ALTER ROLE side_user CREATEDB");
    Command failed = release.upgradeInstall("--set", external).failed();
    assertThat(failed.output())
        .contains("side_owner cannot fix this", "ALTER ROLE side_user NOCREATEDB;")
        .doesNotContain("event    not written");
    assertThat(new Jobs(workspace, namespace).exitCode(MIGRATE)).isEqualTo(10);
  }

  @Test
  @DisplayName(
      "external database, TLS verified (verify-full): migrated, dumped before the next migration, and published with the authority's certificate, by which services verify too; another host name or authority is refused, and what was published stays")
  void tls(Workspace workspace) {
    Release other = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String host = host("postgres", other);
    Certificates certificates = Certificates.of(host);
    workspace.makeSecret(
        other.namespace(),
        "tls",
        Map.of("tls.crt", certificates.server(), "tls.key", certificates.key()));
    other
        .upgradeInstall(
            "--set",
            "postgresql.tls.enabled=true,postgresql.tls.certificatesSecret=tls",
            "--set",
            "postgresql.tls.certFilename=tls.crt,postgresql.tls.certKeyFilename=tls.key",
            // An init container copies the certificates.
            "--set",
            "postgresql.volumePermissions.image.registry=learnflow.test",
            "--set",
            "postgresql.volumePermissions.image.repository=postgresql",
            "--set-string",
            "postgresql.volumePermissions.image.tag=17")
        .successful();

    String namespace = workspace.restricted();
    makePasswords(workspace, namespace, other);
    workspace.makeSecret(namespace, "right", Map.of("ca.crt", certificates.authority()));
    workspace.makeSecret(namespace, "wrong", Map.of("ca.crt", Certificates.of(host).authority()));
    Release release = new Release(workspace, "helm", namespace, "values-prod.yaml");
    verified(release, host, "right").successful();
    assertThat(release.binding(namespace))
        .containsEntry("sslmode", "verify-full")
        .containsEntry("ca.crt", certificates.authority());
    assertThat(release.published(namespace)).containsEntry("PGSSLMODE", "verify-full");
    new Service(workspace, namespace).run("verified,add,find,everything,refused", "ada");
    assertThat(release.test().successful().output().strip()).endsWith("healthy");

    String next =
        "migrator.image.tag="
            + Images.withMigration("external-dumped", Migrations.FILE, Migrations.BADGES);
    verified(release, host, "right", next).successful();
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.log(MIGRATE)).contains("pending: " + Migrations.FILE, "before-migrate-");

    Map<String, String> published = release.published(namespace);
    String unnamed = host("postgres-hl", other);
    Command wrongHost = verified(release, unnamed, "right", next).failed();
    assertThat(wrongHost.output())
        .contains("TLS failed", unnamed, "sslmode verify-full", "next:", "externalDatabase.ca");
    assertThat(jobs.exitCode(MIGRATE)).isEqualTo(10);
    Command wrongAuthority = verified(release, host, "wrong", next).failed();
    assertThat(wrongAuthority.output())
        .contains(
            "TLS failed", "trust anchors", "sslmode verify-full", "next:", "externalDatabase.ca");
    assertThat(jobs.exitCode(MIGRATE)).isEqualTo(10);
    assertThat(release.published(namespace)).isEqualTo(published);
    new Service(workspace, namespace).run("find", "ada");
  }

  private static Command verified(
      Release release, String host, String authority, String... values) {
    return release.upgradeInstall(
        "--set",
        String.join(",", values),
        "--set",
        external(host),
        "--set",
        "externalDatabase.adminUser=postgres,migrator.backoffLimit=0",
        "--set",
        "externalDatabase.sslmode=verify-full,externalDatabase.ca.existingSecret=" + authority);
  }

  private static String host(String service, Release release) {
    return "%s.%s.svc.cluster.local".formatted(service, release.namespace());
  }

  private static String external(String host) {
    return String.join(
        ",",
        List.of(
            "postgresql.enabled=false",
            "externalDatabase.host=" + host,
            "externalDatabase.database=side",
            "externalDatabase.user=side_owner",
            "roles.app=side_user",
            "credentials.existingSecret=" + SECRET));
  }

  private static void makePasswords(Workspace workspace, String namespace, Release other) {
    String admin = Release.decoded(other.credentials()).get("postgres-password");
    workspace.makeSecret(
        namespace,
        SECRET,
        Map.of(
            "postgres-password",
            admin,
            "password",
            "side-owner-password",
            "app-password",
            "side-user-password"));
  }
}
