package org.learnflow.db.e2e;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Controllers of the cluster, as programs of this machine that belong to one test and know only its
 * namespace; or those that are installed in the cluster.
 */
final class Controllers {
  /** Whether their own manifests were applied to the cluster; see e2e/gitops/README.md. */
  static final boolean INSTALLED = Boolean.getBoolean("gitops.installed");

  private static final Path FOLDER = Repository.ROOT.resolve("e2e/gitops");

  private final Workspace workspace;
  private final String namespace;
  private final Programs programs;

  /**
   * None yet, and the namespace that they are in.
   *
   * @param installed name of the namespace where they are part of the cluster
   */
  Controllers(Workspace workspace, String installed) {
    this.workspace = workspace;
    if (INSTALLED) {
      namespace = installed;
      programs = new Programs(installed);
      return;
    }
    namespace = workspace.unmade();
    programs = new Programs(namespace);
    workspace.atEnd(programs::close);
    client()
        .resource(new NamespaceBuilder().withNewMetadata().withName(namespace).and().build())
        .create();
  }

  String namespace() {
    return namespace;
  }

  Programs programs() {
    return programs;
  }

  /** A program that make e2e-gitops has built. */
  static Path program(String name) {
    return FOLDER.resolve("bin").resolve(name);
  }

  /** A folder of the module that a program is built from, with files as they were released. */
  Path released(String program, String path) {
    return released(FOLDER.resolve("go").resolve(program), path);
  }

  /** The same of any module that pins a program. */
  static Path released(Path pinning, String path) {
    String module =
        Command.run(
                Duration.ofSeconds(60),
                Map.of(),
                List.of(
                    System.getProperty("go"),
                    "-C",
                    pinning.toString(),
                    "list",
                    "-f",
                    "{{.Module.Dir}}",
                    "tool"))
            .successful()
            .output();
    return Path.of(module.strip(), path);
  }

  /** Applies all manifests of a folder, to the controllers' namespace where they have none. */
  void applyAll(Path folder, String... except) {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        if (name.endsWith(".yaml") && !List.of(except).contains(name)) {
          apply(Files.readString(file));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Applies the objects of a text, to the controllers' namespace where they have none. */
  void apply(String yaml) {
    List<HasMetadata> objects =
        client().load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8))).items();
    for (HasMetadata object : objects) {
      if (object.getMetadata().getNamespace() == null) {
        client().resource(object).inNamespace(namespace).forceConflicts().serverSideApply();
      } else {
        client().resource(object).forceConflicts().serverSideApply();
      }
      if (object instanceof CustomResourceDefinition definition) {
        client()
            .resource(definition)
            .waitUntilCondition(Controllers::isEstablished, 30, TimeUnit.SECONDS);
      }
    }
  }

  /** The API serves its kind from then on. */
  private static boolean isEstablished(CustomResourceDefinition definition) {
    return definition != null
        && definition.getStatus() != null
        && definition.getStatus().getConditions() != null
        && definition.getStatus().getConditions().stream()
            .anyMatch(condition ->
                condition.getType().equals("Established") && condition.getStatus().equals("True"));
  }

  /** A kind of theirs. */
  static ResourceDefinitionContext kind(String group, String version, String kind) {
    return new ResourceDefinitionContext.Builder()
        .withGroup(group)
        .withVersion(version)
        .withKind(kind)
        .withPlural(plural(kind))
        .withNamespaced(true)
        .build();
  }

  private static String plural(String kind) {
    String lower = kind.toLowerCase(Locale.ROOT);
    return lower.endsWith("y") ? lower.substring(0, lower.length() - 1) + "ies" : lower + "s";
  }

  /** Deletes all objects of a kind in a namespace, without what their finalizers would do. */
  void forget(ResourceDefinitionContext kind, String namespace) {
    client()
        .genericKubernetesResources(kind)
        .inNamespace(namespace)
        .list()
        .getItems()
        .forEach(found -> {
          Watched object = new Watched(client(), kind, namespace, found.getMetadata().getName());
          object.patch("{\"metadata\": {\"finalizers\": null}}");
          object.delete();
        });
  }

  /** What all of them are started with. */
  Map<String, String> environment(Map<String, String> more) {
    Map<String, String> environment = new HashMap<>(more);
    environment.put("KUBECONFIG", workspace.cluster().kubeconfig().toString());
    environment.put("TMPDIR", programs.folder("tmp").toString());
    environment.put("HOME", programs.folder("home").toString());
    return environment;
  }

  private KubernetesClient client() {
    return workspace.client();
  }
}
