package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * What {@code make release} pushes, as somebody uses it who has nothing of the repository. VERSION,
 * in the environment, is what {@code make release-part} has built.
 */
@ExtendWith(Workspaces.class)
@Tag("release")
class ReleasedTest {
  private static final String VERSION = System.getenv().getOrDefault("VERSION", "");
  private static final Path TOOLS = Repository.ROOT.resolve("tools/release/bin");
  private static final Path SETTINGS = Repository.ROOT.resolve("tools/release/registry.yml");
  private static final Path MADE = Repository.ROOT.resolve("target/release");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration MOST = Duration.ofMinutes(5);

  @Test
  @DisplayName(
      "a release whose registry is lost half-way is not to be found there, and the same command completes it; it is signed, never replaced, and Helm installs it from an empty folder, image by digest; who is on call needs no JDK; what was tampered with is not verified")
  void released(Workspace workspace, @TempDir Path folder) throws Exception {
    try (Programs programs = new Programs("release")) {
      Registry registry = new Registry(programs, workspace);
      registry.loseAtFirst("repositories/learnflow/learnflow-db/_manifests/revisions/sha256");
      Command lost = release(registry).failed();
      assertThat(lost.output())
          .contains(
              "connection refused",
              "State: not everything was pushed to " + registry.address(),
              "the tags, by which it is found, come last",
              "Next: run the same command again, which completes it")
          .doesNotContain("pushed   ");
      registry.start();
      assertThat(registry.tags("learnflow-db")).doesNotContain(VERSION);
      assertThat(registry.tags("charts/learnflow-db")).doesNotContain(VERSION);

      Command pushed = release(registry).successful();
      assertThat(pushed.output()).contains("pushed   " + registry.address());
      assertThat(release(registry).successful().output()).contains("found    the same in ");
      registry.verify("learnflow-db").successful();
      registry.verify("charts/learnflow-db").successful();

      String namespace = workspace.unmade();
      installs(workspace, registry, namespace, folder);
      onCall(workspace, namespace, folder);
      inAPod(workspace, registry, namespace, folder);

      registry.tamper("learnflow-db");
      registry.tamper("charts/learnflow-db");
      assertThat(registry.verify("learnflow-db").failed().output()).contains("no signatures found");
      assertThat(registry.verify("charts/learnflow-db").failed().output())
          .contains("no signatures found");
      assertThat(release(registry).failed().output())
          .contains(VERSION + " is released already, as sha256:", "State: nothing was changed");
    }
  }

  @Test
  @Tag("full")
  @DisplayName(
      "the chart of the release before, with rows, is upgraded to this one and rolled back, all from the registry; the rows stay")
  void upgrade(Workspace workspace, @TempDir Path folder) throws Exception {
    String tag = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*").output().strip();
    if (!tag.startsWith("v")) {
      System.out.println("e2e      not tested here: nothing was released before this version");
    }
    assumeThat(tag).as("the tag of a release").startsWith("v");
    Path checkout = folder.resolve("before");
    git("worktree", "add", "--detach", checkout.toString(), tag).successful();
    workspace.atEnd(() -> git("worktree", "remove", "--force", checkout.toString()));
    String before = tag.substring(1);
    try (Programs programs = new Programs("release-before")) {
      Registry registry = new Registry(programs, workspace);
      release(registry, checkout, before).successful();
      release(registry).successful();
      String namespace = workspace.unmade();
      helm(workspace, folder, install(registry, namespace, before)).successful();
      Service service = new Service(workspace, namespace);
      service.run("add", "ada");
      helm(workspace, folder, install(registry, namespace, VERSION)).successful();
      service.run("find", "ada");
      helm(workspace, folder, List.of("rollback", "learnflow-db", "1", "-n", namespace))
          .successful();
      service.run("find", "ada");
      helm(workspace, folder, List.of("test", "learnflow-db", "-n", namespace)).successful();
    }
  }

  private static Command git(String... words) {
    List<String> command = new ArrayList<>(List.of("git"));
    command.addAll(List.of(words));
    return Command.run(MOST, Map.of(), command);
  }

  private static void installs(
      Workspace workspace, Registry registry, String namespace, Path folder) {
    List<String> install = install(registry, namespace, VERSION);
    Command installed = helm(workspace, folder, install).successful();
    System.out.printf(
        "released: installed from the registry in %.1f s%n",
        installed.duration().toMillis() / 1000.0);
    assertThat(workspace.client().pods().inNamespace(namespace).list().getItems())
        .flatExtracting(pod -> pod.getSpec().getContainers())
        .filteredOn(container -> container.getImage().startsWith(registry.address()))
        .isNotEmpty()
        .allSatisfy(container ->
            assertThat(container.getImage()).contains("/learnflow-db:" + VERSION + "@sha256:"));
    String published = published(workspace, namespace);
    helm(workspace, folder, install).successful();
    assertThat(published(workspace, namespace)).isEqualTo(published);
    List<String> test = List.of("test", "learnflow-db", "-n", namespace, "--logs");
    assertThat(helm(workspace, folder, test).successful().output()).contains("healthy");
  }

  private static List<String> install(Registry registry, String namespace, String version) {
    String words =
        "upgrade --install learnflow-db oci://%s/charts/learnflow-db --version %s --plain-http -n %s --create-namespace"
            .formatted(registry.address(), version, namespace);
    List<String> all = new ArrayList<>(List.of(words.split(" ")));
    all.addAll(Images.ofPostgresql());
    return all;
  }

  private static Command helm(Workspace workspace, Path folder, List<String> words) {
    return in(workspace, folder, Repository.tool("helm"), words);
  }

  private static String published(Workspace workspace, String namespace) {
    return workspace
        .client()
        .secrets()
        .inNamespace(namespace)
        .withName("learnflow-db-env")
        .require()
        .getMetadata()
        .getResourceVersion();
  }

  /** The archive of the program, on a machine without a JDK. */
  private static void onCall(Workspace workspace, String namespace, Path folder)
      throws IOException {
    Path archive;
    try (Stream<Path> files = Files.list(MADE.resolve(VERSION))) {
      archive = files.filter(file -> file.toString().endsWith(".tar.gz")).findFirst().orElseThrow();
    }
    String name = archive.getFileName().toString().replace(".tar.gz", "");
    in(workspace, folder, Path.of("/bin/tar"), List.of("-xzf", archive.toString())).successful();
    Path program = folder.resolve(name).resolve("bin/learnflow-db");
    assertThat(in(workspace, folder, program, List.of("--version")).successful().output())
        .isEqualTo("learnflow-db " + VERSION + "\n");
    List<String> verify = List.of("verify", "--release", "learnflow-db", "-n", namespace);
    assertThat(in(workspace, folder, program, verify).successful().output()).endsWith("healthy\n");
  }

  /** The page's commands, with the image that was released. */
  private static void inAPod(
      Workspace workspace, Registry registry, String namespace, Path folder) {
    Release release = new Release(workspace, "helm", namespace, "values-dev.yaml");
    String commands =
        PagesTest.commands("how-to/program.md", "## In the cluster", release, folder)
            .replace(
                "ghcr.io/learnflow/learnflow-db:1.2.3",
                registry.address() + "/learnflow-db:" + VERSION)
            .replace("--namespace=postgres", "--namespace=" + namespace)
            .replace("--serviceaccount postgres:", "--serviceaccount " + namespace + ":");
    assertThat(release.shell(commands).successful().output()).contains("\nhealthy\n");
  }

  /** Runs a program in a folder, with no more in the environment than a login has. */
  private static Command in(Workspace workspace, Path folder, Path program, List<String> words) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "-i",
                "-C",
                folder.toString(),
                "HOME=" + folder,
                "PATH=/usr/local/bin:/usr/bin:/bin",
                "KUBECONFIG=" + workspace.cluster().kubeconfig(),
                program.toString()));
    command.addAll(words);
    return workspace.record(Command.run(MOST, Map.of(), command));
  }

  private static Command release(Registry registry) {
    return release(registry, Repository.ROOT, VERSION);
  }

  private static Command release(Registry registry, Path checkout, String version) {
    return Command.run(
        MOST,
        Map.of("MAKEFLAGS", ""),
        List.of(
            "make",
            "--silent",
            "--no-print-directory",
            "--directory=" + checkout,
            "release",
            "VERSION=" + version,
            "PUSH=1",
            "REGISTRY=" + registry.address()));
  }

  /**
   * A registry as a process, for as long as the programs run. This machine and the node both find
   * it at their own address 127.0.0.1, the only one where neither asks for TLS.
   */
  private static final class Registry {
    private static final String NAME = "registry";

    /** Of the node's network, if make cluster made it without Docker. */
    private static final String LINK = "learnflow-db";

    /** What Helm's manifest does not say of itself. */
    private static final String MANIFEST = "application/vnd.oci.image.manifest.v1+json";

    private static final String RELAY =
        """
        import asyncio

        async def copy(reader, writer):
            try:
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            finally:
                writer.close()

        async def relay(reader, writer):
            there = await asyncio.open_connection("%1$s", %2$d)
            await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)

        async def main():
            server = await asyncio.start_server(relay, "127.0.0.1", %2$d)
            await server.serve_forever()

        asyncio.run(main())
        """;

    private final Programs programs;
    private final Path storage;
    private final int port = Programs.freePort();

    Registry(Programs programs, Workspace workspace) throws IOException {
      NetworkInterface link = NetworkInterface.getByName(LINK);
      if (link == null) {
        System.out.println("e2e      not tested here: the nodes do not reach this machine");
      }
      assumeThat(link).as("the cluster of make cluster without Docker").isNotNull();
      this.programs = programs;
      storage = Files.createTempDirectory(programs.folder("storage"), "");
      programs.start(
          NAME,
          Map.of(
              "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
              storage.toString(),
              "REGISTRY_HTTP_ADDR",
              ":" + port,
              "OTEL_TRACES_EXPORTER",
              "none"),
          List.of(TOOLS.resolve(NAME).toString(), "serve", SETTINGS.toString()));
      awaitReady();
      relay(
          workspace,
          link.inetAddresses()
              .filter(Inet4Address.class::isInstance)
              .findFirst()
              .orElseThrow()
              .getHostAddress());
    }

    /** The node's own 127.0.0.1 leads here. */
    private void relay(Workspace workspace, String machine) {
      String namespace = workspace.unmade();
      workspace
          .client()
          .resource(
              new NamespaceBuilder().withNewMetadata().withName(namespace).endMetadata().build())
          .create();
      workspace
          .client()
          .pods()
          .inNamespace(namespace)
          .resource(
              new PodBuilder()
                  .withNewMetadata()
                  .withName("relay")
                  .endMetadata()
                  .withNewSpec()
                  .withHostNetwork(true)
                  .addNewContainer()
                  .withName("relay")
                  .withImage(Images.PYTHON)
                  .withArgs("-c", RELAY.formatted(machine, port))
                  .endContainer()
                  .endSpec()
                  .build())
          .create();
      workspace
          .client()
          .pods()
          .inNamespace(namespace)
          .withName("relay")
          .waitUntilReady(60, TimeUnit.SECONDS);
    }

    String address() {
      return "127.0.0.1:" + port + "/learnflow";
    }

    void start() {
      programs.start(NAME);
      awaitReady();
    }

    private void awaitReady() {
      programs.awaitReady(NAME, "http://127.0.0.1:" + port + "/v2/");
    }

    /** Kills it as soon as something is in its storage. */
    void loseAtFirst(String path) {
      Path written = storage.resolve("docker/registry/v2").resolve(path);
      Thread.ofVirtual()
          .start(() -> {
            while (!Files.exists(written)) {
              LockSupport.parkNanos(Duration.ofMillis(2).toNanos());
            }
            programs.kill(NAME);
          });
    }

    /** The tags of what is there; none if nothing is. */
    String tags(String repository) {
      return crane("ls", address() + "/" + repository).output();
    }

    Command verify(String repository) {
      return Command.run(
          MOST,
          Map.of(),
          List.of(
              TOOLS.resolve("cosign").toString(),
              "verify",
              "--key",
              MADE.resolve("cosign.pub").toString(),
              "--insecure-ignore-tlog",
              "--allow-http-registry",
              tagged(repository)));
    }

    /** Replaces what the tag names by something that differs in one annotation. */
    void tamper(String repository) throws IOException, InterruptedException {
      ObjectNode manifest =
          (ObjectNode) JSON.readTree(crane("manifest", tagged(repository)).successful().output());
      manifest.withObject("/annotations").put("tampered", "true");
      URI tag =
          URI.create(
              "http://127.0.0.1:%d/v2/learnflow/%s/manifests/%s"
                  .formatted(port, repository, VERSION));
      HttpRequest put =
          HttpRequest.newBuilder(tag)
              .header("Content-Type", manifest.path("mediaType").asText(MANIFEST))
              .PUT(BodyPublishers.ofString(manifest.toString()))
              .build();
      try (HttpClient client = HttpClient.newHttpClient()) {
        assertThat(client.send(put, BodyHandlers.ofString()).statusCode()).isEqualTo(201);
      }
    }

    private String tagged(String repository) {
      return address() + "/" + repository + ":" + VERSION;
    }

    private static Command crane(String... arguments) {
      List<String> command = new ArrayList<>(List.of(TOOLS.resolve("crane").toString()));
      command.addAll(List.of(arguments));
      return Command.run(MOST, Map.of(), command);
    }
  }
}
