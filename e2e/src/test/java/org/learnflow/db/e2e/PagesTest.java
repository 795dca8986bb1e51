package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fabric8.kubernetes.client.LocalPortForward;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The commands of pages in docs/, run as they stand there. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class PagesTest {
  private static final Pattern COMMANDS =
      Pattern.compile("^```sh\\n(.*?)^```", Pattern.DOTALL | Pattern.MULTILINE);

  private static final String STAY = "-f values-prod.yaml -f values-bitnami-image.yaml";

  /**
   * Commands of a page, in a namespace of the test's, with the images of the tests.
   *
   * @param heading of their section, from the first character; empty for all of the page
   */
  static String commands(String page, String heading, Release release, Path folder) {
    String text = text(page);
    String section =
        heading.isEmpty() ? text : text.substring(text.indexOf(heading)).split("\n## ", 2)[0];
    String commands =
        COMMANDS
            .matcher(section)
            .results()
            .map(block -> block.group(1))
            .collect(Collectors.joining());
    return commands
        .replaceAll("(-n|--namespace) postgres\\b", "$1 " + release.namespace())
        .replaceAll(" --set postgresql.image.tag=18\\S*", "")
        .replace(STAY, "-f values-prod.yaml " + String.join(" ", Images.values(true)))
        .replaceAll(
            "-f values-prod.yaml(?! --values)",
            "-f values-prod.yaml " + String.join(" ", Images.values()))
        .replace(
            "apply -f examples/dumps/pod.yaml",
            "apply -f " + Repository.withTestImage("dumps/pod.yaml", folder))
        .replace("learnflow.dump", folder.resolve("learnflow.dump").toString());
  }

  private static String text(String page) {
    try {
      return Files.readString(Repository.ROOT.resolve("docs").resolve(page));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  @DisplayName(
      "another size in the values is refused with the page; the page's commands enlarge the claim without disconnecting anybody")
  void volume(Workspace workspace, @TempDir Path folder) {
    assumeThat(workspace.client().storage().v1().storageClasses().withName("standard").get())
        .as("a StorageClass that lets claims grow")
        .matches(found -> found != null && Boolean.TRUE.equals(found.getAllowVolumeExpansion()));
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    release.upgradeInstall().successful();
    Service service = new Service(workspace, release.namespace());
    service.run("add", "ada");
    String[] larger = {"--set", "postgresql.primary.persistence.size=20Gi"};
    assertThat(release.upgradeInstall(larger).failed().output())
        .contains("the values want a volume of 20Gi", "has 10Gi", "docs/how-to/volume.md");

    var connected = service.start("stay", "ada");
    release.shell(commands("how-to/volume.md", "", release, folder)).successful();
    // What it waits for.
    new Pods(workspace.client())
        .sql(release.namespace(), "learnflow", "SET ROLE learnflow_owner; " + Migrations.BADGES);
    service.end(connected);
    assertThat(
            workspace
                .client()
                .persistentVolumeClaims()
                .inNamespace(release.namespace())
                .withName("data-postgres-0")
                .get()
                .getSpec()
                .getResources()
                .getRequests()
                .get("storage"))
        .hasToString("20Gi");
    release.upgradeInstall(larger).successful();
    service.run("find", "ada");
  }

  @Test
  @DisplayName(
      "a volume for a release without one is refused with the page; its commands bring the rows into prod, with the old password")
  void devToProd(Workspace workspace, @TempDir Path folder) {
    String namespace = workspace.restricted();
    Release dev = new Release(workspace, "helm", namespace, "values-dev.yaml");
    dev.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    String password = dev.published(namespace).get("PGPASSWORD");
    Release prod = new Release(workspace, "helm", namespace, "values-prod.yaml");
    assertThat(prod.upgradeInstall().failed().output()).contains("docs/how-to/dev-to-prod.md");
    service.run("find", "ada");

    Command moved = dev.shell(commands("how-to/dev-to-prod.md", "", dev, folder)).successful();
    assertThat(moved.output().strip())
        .endsWith("restored: learnflow at schema " + Repository.newestMigration());
    service.run("find", "ada");
    assertThat(prod.published(namespace).get("PGPASSWORD").equals(password)).isTrue();
    prod.upgradeInstall().successful();
  }

  @Test
  @DisplayName(
      "another major version over a volume is refused with the page; where it got as far as crashing, Helm, verify and status name the page")
  void majorRefused(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    assertThat(release.upgradeInstall("--set-string", "postgresql.image.tag=18").failed().output())
        .contains("does not start on the data of PostgreSQL 17", "docs/how-to/major-upgrade.md");

    Pods pods = new Pods(workspace.client());
    pods.shell(namespace, "echo 16 >$PGDATA/PG_VERSION");
    workspace.client().pods().inNamespace(namespace).withName("postgres-0").delete();
    OnCall onCall = new OnCall(release, "volume of another major version");
    onCall.installs(
        new String[0], "initialized by PostgreSQL version 16", "docs/how-to/major-upgrade.md");
    onCall.asks("initialized by PostgreSQL version 16");
    pods.once(namespace, "data-postgres-0", "/volume", "echo 17 >/volume/data/PG_VERSION");
    workspace.client().pods().inNamespace(namespace).withName("postgres-0").delete();
    release.upgradeInstall().successful();

    service.run("find", "ada");
  }

  @Test
  @DisplayName("the page's commands bring the rows into another major version, over a new volume")
  void majorUpgrade(Workspace workspace, @TempDir Path folder) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");

    Command moved =
        release.shell(commands("how-to/major-upgrade.md", "", release, folder)).successful();
    assertThat(moved.output().strip())
        .endsWith("restored: learnflow at schema " + Repository.newestMigration());
    service.run("find", "ada");
    // The old volume stays; it is the test's to remove.
    workspace.client().persistentVolumes().list().getItems().stream()
        .filter(volume -> "Released".equals(volume.getStatus().getPhase()))
        .filter(volume -> namespace.equals(volume.getSpec().getClaimRef().getNamespace()))
        .forEach(volume ->
            workspace
                .client()
                .persistentVolumes()
                .resource(volume)
                .edit(v -> {
                  v.getSpec().setPersistentVolumeReclaimPolicy("Delete");
                  return v;
                }));
  }

  @Test
  @DisplayName(
      "a release stays on the image that starts itself until the page's commands move it, and back, with its rows")
  void officialImage(Workspace workspace, @TempDir Path folder) {
    assumeThat(Images.BITNAMI).as("the default is the Bitnami-like image").isFalse();
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    String[] bitnami = Images.values(true).toArray(String[]::new);
    release.upgradeInstall(bitnami).successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    var pod = workspace.client().pods().inNamespace(namespace).withName("postgres-0");
    String page = "how-to/official-image.md";
    assertThat(release.upgradeInstall().failed().output())
        .contains("started by the chart's script", "nothing was changed", "docs/" + page);
    String before = pod.get().getMetadata().getUid();

    release.shell(commands(page, "## Stay", release, folder)).successful();
    assertThat(pod.get().getMetadata().getUid()).isEqualTo(before);
    Command moved = release.shell(commands(page, "## Move", release, folder)).successful();
    assertThat(moved.output().strip()).endsWith("healthy");
    assertThat(pod.get().getSpec().getContainers().getFirst().getCommand()).isNotEmpty();
    service.run("find", "ada");

    assertThat(release.upgradeInstall(bitnami).failed().output())
        .contains("is started by the chart's script", "postgresql.image.acceptStart=image");
    release.shell(commands(page, "## Go back", release, folder)).successful();
    assertThat(pod.get().getSpec().getContainers().getFirst().getCommand()).isEmpty();
    service.run("find", "ada");
  }

  @Test
  @DisplayName(
      "the page's commands bring the rows to a PostgreSQL that somebody else runs, and publish it")
  void moveOut(Workspace workspace, @TempDir Path folder) {
    assumeThat(
            workspace
                .record(
                    Command.run(
                        Duration.ofSeconds(10),
                        Map.of(),
                        List.of(
                            "sh",
                            "-c",
                            "for p in pg_restore /usr/lib/postgresql/*/bin/pg_restore; do $p --version; done; true")))
                .output())
        .as("pg_restore 17 or newer on this machine, which restore needs for a server without pod")
        .containsPattern("\\(PostgreSQL\\) 1[7-9]");
    Release external = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    external.upgradeInstall().successful();
    Pods pods = new Pods(workspace.client());
    pods.sql(external.namespace(), "postgres", "DROP DATABASE learnflow WITH (FORCE)");
    pods.sql(external.namespace(), "postgres", "CREATE DATABASE learnflow OWNER learnflow_owner");
    Map<String, String> passwords = Release.decoded(external.credentials());
    Repository.write(folder.resolve("owner-password"), passwords.get("password"));

    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    workspace.makeSecret(namespace, "learnflow-external", passwords);
    String host = "postgres.%s.svc.cluster.local".formatted(external.namespace());
    Path values = folder.resolve("values-external.yaml");
    Repository.write(
        values,
        Repository.example("external-database/values.yaml")
            .replace("learnflow.example.com", host)
            .replaceFirst("sslmode: .*\\n  ca:\\n.*\\n", "sslmode: disable\n")
            .replace("learnflow-db-passwords", "learnflow-external"));

    try (LocalPortForward port =
        workspace
            .client()
            .pods()
            .inNamespace(external.namespace())
            .withName("postgres-0")
            .portForward(5432)) {
      String uri =
          "postgresql://learnflow_owner@127.0.0.1:%d/learnflow?sslmode=disable"
              .formatted(port.getLocalPort());
      release
          .shell(
              "EXTERNAL_URI='%s'\n".formatted(uri)
                  + commands("how-to/move-out.md", "", release, folder)
                      .replace("owner-password", folder.resolve("owner-password").toString())
                      .replace(
                          "-f values-external.yaml",
                          "-f %s %s".formatted(values, String.join(" ", Images.values()))))
          .successful();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    assertThat(release.published(namespace)).containsEntry("PGHOST", host);
    new Service(workspace, namespace).run("find", "ada");
  }

  @Test
  @DisplayName("a release gets another name by the page's commands, with rows and password")
  void rename(Workspace workspace, @TempDir Path folder) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    String password = release.published(namespace).get("PGPASSWORD");

    release.shell(commands("how-to/rename.md", "", release, folder)).successful();
    var published = Release.decoded(release.secret(namespace, "lessons-env"));
    assertThat(published.get("PGPASSWORD").equals(password)).isTrue();
    assertThat(release.secret(namespace, Release.NAME)).isNull();
    new Service(workspace, namespace, "lessons").run("find", "ada");
  }

  @Test
  @DisplayName("the dump that the release made is fetched and restored by the page's commands")
  void dumps(Workspace workspace, @TempDir Path folder) {
    String next = Images.withMigration("fetched", Migrations.FILE, Migrations.BADGES);
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    release.upgradeInstall("--set", "migrator.image.tag=" + next).successful();
    new Pods(workspace.client()).sql(namespace, "learnflow", "TRUNCATE users CASCADE");

    release
        .shell(commands("how-to/backup.md", "## Dumps that the release makes", release, folder))
        .successful();
    service.run("find,without_badges", "ada");
  }

  @Test
  @DisplayName(
      "another name for the database is refused with the page before anything is changed; its commands take the data along")
  void databaseName(Workspace workspace, @TempDir Path folder) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    for (String value :
        List.of(
            "postgresql.fullnameOverride=lessons", "postgresql.primary.persistence.subPath=new")) {
      assertThat(release.upgradeInstall("--set", value).failed().output())
          .contains("nothing was changed", "data-postgres-0", "docs/how-to/database-name.md");
    }
    service.run("find", "ada");
    assertThat(
            release
                .upgradeInstall(
                    "--set",
                    "postgresql.fullnameOverride=lessons",
                    "--set",
                    "postgresql.primary.persistence.existingClaim=data-postgres-0")
                .failed()
                .output())
        .contains("StatefulSet lessons would open PersistentVolumeClaim data-postgres-0");
    service.run("find", "ada");

    release.shell(commands("how-to/database-name.md", "", release, folder)).successful();
    assertThat(release.published(namespace))
        .containsEntry("PGHOST", "lessons.%s.svc.cluster.local".formatted(namespace));
    service.run("find", "ada");
  }

  @Test
  @DisplayName(
      "the page's and the notes' commands remove a release with all its data, also where a pod that has ended holds a volume")
  void withAllData(Workspace workspace, @TempDir Path folder) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    for (boolean notes : new boolean[] {false, true}) {
      release.upgradeInstall().successful();
      assertThat(workspace.client().pods().inNamespace(namespace).list().getItems())
          .as("what holds the claim for dumps")
          .anyMatch(pod -> pod.getMetadata().getName().startsWith(Release.NAME + "-migrate"));
      release
          .shell(
              notes
                  ? removal(release.notes())
                  : commands("how-to/install.md", "## Uninstalling", release, folder))
          .successful();
      assertThat(
              workspace.client().persistentVolumeClaims().inNamespace(namespace).list().getItems())
          .isEmpty();
      assertThat(release.credentials()).isNull();
    }
  }

  /** The indented lines of Helm's notes below "with all data". */
  private static String removal(String notes) {
    return notes
        .substring(notes.indexOf("and with all data:"))
        .lines()
        .skip(1)
        .takeWhile(line -> line.startsWith("  "))
        .collect(Collectors.joining("\n"));
  }
}
