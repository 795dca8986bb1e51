package org.learnflow.db.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceHosts;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.publish.PublishedConnection;
import org.learnflow.db.testing.TestFiles;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * What people and programs rely on, a line each: {@code KIND NAME}, and what else counts about it.
 * Kinds: value (of the chart), key (published), exit, option, json.
 */
final class Surface {
  private static final String UNRELEASED = "## [Unreleased]";
  private static final Pattern KIND = Pattern.compile("^### (?<kind>.+)$", Pattern.MULTILINE);
  private static final Pattern CODE = Pattern.compile("`(?<code>[^`]+)`");

  /** What may say that something is no longer what it was. */
  private static final List<String> KINDS_OF_CHANGE = List.of("Changed", "Removed");

  private Surface() {}

  /** All of it, sorted. */
  static SortedSet<String> lines(Path directory) throws JsonProcessingException {
    SortedSet<String> lines = new TreeSet<>();
    values(lines);
    keys(lines, directory);
    for (ExitCode code : ExitCode.values()) {
      lines.add("exit %d %s".formatted(code.value(), code.name().toLowerCase(Locale.ROOT)));
    }
    options(lines);
    JsonDocumentsTest.examples()
        .forEach((command, example) ->
            JsonDocumentsTest.paths(example)
                .forEach(
                    path -> lines.add("json %s%s".formatted(command.replace(' ', '-'), path))));
    return lines;
  }

  /**
   * The lines of two versions that differ, and of which a changelog says nothing: what is new, in
   * any of its sections about what is not released; what is gone, as a change or a removal. It
   * names a thing, or what it is a part of, as {@code code}.
   */
  static List<String> unmentioned(
      SortedSet<String> released, SortedSet<String> now, String changelog) {
    String unreleased = unreleased(changelog);
    List<String> named = named(unreleased, _ -> true);
    List<String> changed = named(unreleased, KINDS_OF_CHANGE::contains);
    return Stream.concat(
            released.stream()
                .filter(line -> !now.contains(line))
                .filter(line -> !isMentioned(line, changed))
                .map(line -> "- " + line),
            now.stream()
                .filter(line -> !released.contains(line))
                .filter(line -> !isMentioned(line, named))
                .map(line -> "+ " + line))
        .toList();
  }

  private static String unreleased(String changelog) {
    int start = changelog.indexOf(UNRELEASED);
    int end = changelog.indexOf("\n## [", start + 1);
    return start < 0 ? "" : changelog.substring(start, end < 0 ? changelog.length() : end);
  }

  private static List<String> named(String section, Predicate<String> kinds) {
    List<String> named = new ArrayList<>();
    Matcher kind = KIND.matcher(section);
    while (kind.find()) {
      int next = section.indexOf("\n### ", kind.end());
      if (kinds.test(kind.group("kind"))) {
        Matcher code =
            CODE.matcher(section.substring(kind.end(), next < 0 ? section.length() : next));
        while (code.find()) {
          named.add(code.group("code").replaceFirst("^learnflow-db ", ""));
        }
      }
    }
    return named;
  }

  private static boolean isMentioned(String line, List<String> named) {
    String[] words = line.split(" ", -1);
    String name = words[1];
    return named.stream()
        .anyMatch(code ->
            Stream.of(code.split("[ :=]", -1))
                    .anyMatch(word ->
                        word.equals(name)
                            || name.startsWith(word + ".")
                            || name.startsWith(word + "/"))
                || (words.length > 2 && words[0].equals("option") && code.startsWith(words[2])));
  }

  private static void values(SortedSet<String> lines) throws JsonProcessingException {
    JsonNode schema =
        new ObjectMapper()
            .readTree(
                TestFiles.read(
                    TestFiles.repository().resolve("charts/learnflow-db/values.schema.json")));
    values(schema, "", lines);
  }

  private static void values(JsonNode schema, String path, SortedSet<String> lines) {
    if (!path.isEmpty()) {
      lines.add("value %s %s".formatted(path, type(schema)));
    }
    for (Map.Entry<String, JsonNode> property : schema.path("properties").properties()) {
      String inside = path.isEmpty() ? property.getKey() : path + "." + property.getKey();
      values(property.getValue(), inside, lines);
    }
  }

  /** As the schema has it, such as {@code string} or {@code integer,null}. */
  private static String type(JsonNode schema) {
    JsonNode type = schema.path("type");
    if (!type.isArray()) {
      return type.asText(schema.has("enum") ? "enum" : "any");
    }
    List<String> types = new ArrayList<>();
    type.forEach(one -> types.add(one.asText()));
    return String.join(",", types);
  }

  private static void keys(SortedSet<String> lines, Path directory) {
    DatabaseAddress address =
        new DatabaseAddress(
            "db",
            5432,
            "learnflow",
            "learnflow_user",
            SslMode.VERIFY_FULL,
            Optional.of(TestFiles.write(directory.resolve("ca.crt"), "certificate")));
    Service service =
        new Service("a", "a", "a", "", OptionalInt.of(1), OptionalInt.of(1), Map.of(), List.of());
    PublishedConnection connection =
        new PublishedConnection(
            address,
            new Password("x"),
            Optional.of(service),
            new ServiceHosts(Optional.of("replicas"), Optional.empty()));
    connection.secretEnvironment().keySet().forEach(key -> lines.add("key " + key + " Secret"));
    connection.openEnvironment("1").keySet().forEach(key -> lines.add("key " + key + " ConfigMap"));
    connection
        .certificateEnvironment()
        .keySet()
        .forEach(key -> lines.add("key " + key + " ConfigMap"));
    connection.binding().keySet().forEach(key -> lines.add("key " + key + " binding"));
  }

  private static void options(SortedSet<String> lines) {
    OptionsTest.leaves(OptionsTest.commandLine())
        .forEach(command -> {
          String name =
              command.getCommandSpec().qualifiedName("-").replaceFirst("^learnflow-db-", "");
          for (OptionSpec option : command.getCommandSpec().options()) {
            lines.add("option %s %s%s".formatted(option.longestName(), name, label(option)));
          }
          for (CommandLine.Model.PositionalParamSpec word :
              command.getCommandSpec().positionalParameters()) {
            lines.add("option %s %s".formatted(word.paramLabel(), name));
          }
        });
  }

  private static String label(ArgSpec option) {
    return option.arity().max() == 0 ? "" : " " + option.paramLabel();
  }
}
