package org.learnflow.db.chart;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Pictures of a release as Mermaid flowcharts, drawn from a rendering of the chart.
 *
 * @param objects of the release, hooks included
 */
record Pictures(List<JsonNode> objects) {
  /** What the migrate Job runs, as `learnflow-db run --help` has it. */
  private static final List<String> RUN =
      List.of("wait", "roles", "migrate", "seed", "verify", "publish");

  private static final Set<String> DATA = Set.of("Secret", "ConfigMap", "PersistentVolumeClaim");

  /** When Helm acts on an object, with the title of that time in a picture. */
  private enum Phase {
    BEFORE("before: pre-install, pre-upgrade"),
    APPLIED("applied by Helm"),
    AFTER("after: post-install, post-upgrade"),
    TEST("helm test");

    private final String title;

    Phase(String title) {
      this.title = title;
    }

    static Phase of(JsonNode object) {
      String hook = annotation(object, "helm.sh/hook");
      return hook.isEmpty()
          ? APPLIED
          : hook.contains("pre-install") ? BEFORE : hook.contains("post-install") ? AFTER : TEST;
    }
  }

  static Pictures of(Rendering rendering, String... options) {
    return new Pictures(Repository.yaml(rendering.text("helm", options)));
  }

  /** Those in the release's own namespace. */
  private Stream<JsonNode> own() {
    return objects.stream()
        .filter(object ->
            object
                .at("/metadata/namespace")
                .asText(Rendering.NAMESPACE)
                .equals(Rendering.NAMESPACE));
  }

  /** What has pods, the data that they mount or create, and who creates what. */
  String objectsPicture() {
    Map<String, Set<String>> creates = new LinkedHashMap<>();
    Map<String, Set<String>> mounts = new LinkedHashMap<>();
    for (JsonNode object : own().filter(Pictures::hasPods).toList()) {
      creates.put(Rendering.name(object), created(object));
      mounts.put(Rendering.name(object), mounted(object));
    }
    Set<String> made = union(creates.values());
    Set<String> shown = union(List.of(made, union(mounts.values())));
    List<String> lines = new ArrayList<>();
    for (Phase phase : Phase.values()) {
      lines.add("    subgraph %s[\"%s\"]".formatted(phase.name().toLowerCase(), phase.title));
      own()
          .filter(object -> Phase.of(object) == phase)
          .map(Rendering::name)
          .filter(name -> creates.containsKey(name) || shown.contains(name) && !made.contains(name))
          .distinct()
          .forEach(name -> lines.add("        " + node(name)));
      lines.add("    end");
    }
    lines.add("    subgraph created[\"created in the cluster, not by Helm\"]");
    made.forEach(name -> lines.add("        " + node(name)));
    lines.add("    end");
    creates.forEach((from, all) ->
        all.forEach(to -> lines.add("    %s -->|creates| %s".formatted(id(from), id(to)))));
    mounts.forEach((from, all) ->
        all.stream()
            .filter(to -> !creates.getOrDefault(from, Set.of()).contains(to))
            .forEach(to -> lines.add("    %s -.->|mounted by| %s".formatted(id(to), id(from)))));
    return "flowchart LR\n" + String.join("\n", lines) + "\n";
  }

  /** The hooks in their order, and what the last one runs. */
  String runPicture() {
    List<String> lines = new ArrayList<>();
    List<String> order = new ArrayList<>();
    for (Phase phase : List.of(Phase.BEFORE, Phase.APPLIED, Phase.AFTER)) {
      lines.add("    subgraph %s[\"%s\"]".formatted(phase.name().toLowerCase(), phase.title));
      Map<Integer, List<JsonNode>> weights =
          objects.stream()
              .filter(object -> Phase.of(object) == phase)
              .sorted(Comparator.comparingInt(Pictures::weight))
              .collect(
                  Collectors.groupingBy(Pictures::weight, LinkedHashMap::new, Collectors.toList()));
      weights.forEach((weight, group) -> {
        String id = phase.name().toLowerCase() + order.size();
        boolean hook = phase != Phase.APPLIED;
        lines.add(
            "        %s[\"%s%s\"]"
                .formatted(id, hook ? "weight " + weight + "<br>" : "", kindsAndNames(group)));
        order.add(id);
      });
      lines.add("    end");
    }
    lines.add("    subgraph run[\"learnflow-db run, in Job migrate\"]");
    lines.add("        " + String.join(" --> ", RUN));
    lines.add("    end");
    lines.add("    stop([\"exit 1, nothing is published\"])");
    IntStream.range(1, order.size())
        .forEach(i -> lines.add("    %s --> %s".formatted(order.get(i - 1), order.get(i))));
    lines.add("    %s --> %s".formatted(order.getLast(), RUN.getFirst()));
    lines.add("    verify -- unhealthy --> stop");
    return "flowchart TD\n" + String.join("\n", lines) + "\n";
  }

  /** Hooks by name; of what Helm applies only what has pods, and the number of the others. */
  private static String kindsAndNames(List<JsonNode> group) {
    List<String> named =
        group.stream()
            .filter(object -> Phase.of(object) != Phase.APPLIED || hasPods(object))
            .map(object -> Rendering.name(object).replace("/", " "))
            .toList();
    return String.join("<br>", named)
        + (named.size() < group.size() ? "<br>Services, RBAC, network policies, ConfigMaps" : "");
  }

  private static boolean hasPods(JsonNode object) {
    return Set.of("Pod", "Job", "CronJob", "StatefulSet").contains(object.path("kind").asText());
  }

  private static JsonNode podSpec(JsonNode object) {
    return switch (object.path("kind").asText()) {
      case "Pod" -> object.path("spec");
      case "CronJob" -> object.at("/spec/jobTemplate/spec/template/spec");
      default -> object.at("/spec/template/spec");
    };
  }

  /** Secrets, ConfigMaps and claims of its volumes, but not the cluster's own. */
  private Set<String> mounted(JsonNode object) {
    return stream(podSpec(object).path("volumes"))
        .flatMap(
            volume -> Stream.concat(Stream.of(volume), stream(volume.at("/projected/sources"))))
        .flatMap(source ->
            Stream.of(
                    named("Secret", source.path("secret"), "name", "secretName"),
                    named("ConfigMap", source.path("configMap"), "name"),
                    named(
                        "PersistentVolumeClaim", source.path("persistentVolumeClaim"), "claimName"))
                .flatMap(Collection::stream))
        .filter(name -> !name.equals("ConfigMap/kube-root-ca.crt"))
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private static List<String> named(String kind, JsonNode source, String... keys) {
    return Stream.of(keys)
        .map(key -> source.path(key).asText())
        .filter(Predicate.not(String::isEmpty))
        .map(name -> kind + "/" + name)
        .toList();
  }

  /**
   * Claims of its templates, and what its account may create by name, where the program in its pod
   * has that account's token.
   */
  private Set<String> created(JsonNode object) {
    Set<String> created = new LinkedHashSet<>();
    stream(object.at("/spec/volumeClaimTemplates"))
        .map(template ->
            "PersistentVolumeClaim/%s-%s-0"
                .formatted(
                    template.at("/metadata/name").asText(), object.at("/metadata/name").asText()))
        .forEach(created::add);
    JsonNode spec = podSpec(object);
    if (spec.path("automountServiceAccountToken").asBoolean()) {
      roles(spec.path("serviceAccountName").asText())
          .flatMap(role -> stream(role.path("rules")))
          .filter(
              rule -> stream(rule.path("verbs")).anyMatch(verb -> verb.asText().equals("create")))
          .flatMap(Pictures::named)
          .forEach(created::add);
    }
    return created;
  }

  private Stream<JsonNode> roles(String account) {
    Set<String> bound =
        own()
            .filter(object -> object.path("kind").asText().equals("RoleBinding"))
            .filter(binding -> binding.at("/subjects/0/name").asText().equals(account))
            .map(binding -> "Role/" + binding.at("/roleRef/name").asText())
            .collect(Collectors.toSet());
    return own().filter(object -> bound.contains(Rendering.name(object)));
  }

  private static Stream<String> named(JsonNode rule) {
    return stream(rule.path("resourceNames"))
        .flatMap(name ->
            stream(rule.path("resources"))
                .flatMap(resource ->
                    DATA.stream()
                        .filter(kind -> (kind.toLowerCase() + "s").equals(resource.asText()))
                        .map(kind -> kind + "/" + name.asText())));
  }

  private static String node(String name) {
    String kind = name.substring(0, name.indexOf('/'));
    String label = "\"%s<br>%s\"".formatted(kind, name.substring(kind.length() + 1));
    return id(name)
        + switch (kind) {
          case "PersistentVolumeClaim" -> "[(" + label + ")]";
          case "Secret", "ConfigMap" -> "([" + label + "])";
          default -> "[" + label + "]";
        };
  }

  private static String id(String name) {
    return name.toLowerCase().replaceAll("[^a-z0-9]", "_");
  }

  private static int weight(JsonNode object) {
    String weight = annotation(object, "helm.sh/hook-weight");
    return weight.isEmpty() ? 0 : Integer.parseInt(weight);
  }

  private static String annotation(JsonNode object, String name) {
    return object.path("metadata").path("annotations").path(name).asText();
  }

  private static Set<String> union(Collection<Set<String>> sets) {
    return sets.stream().flatMap(Set::stream).collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private static Stream<JsonNode> stream(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false);
  }
}
