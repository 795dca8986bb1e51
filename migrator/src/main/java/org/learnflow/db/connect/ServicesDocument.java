package org.learnflow.db.connect;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * The services as the chart writes them: a JSON array of objects with {@code name} and optionally
 * {@code role}, {@code secret}, {@code namespace}, {@code connectionLimit}, {@code poolSize},
 * {@code settings} and {@code memberOf}.
 */
public final class ServicesDocument {
  private static final Pattern NAME = Pattern.compile("[a-z]([-a-z0-9]{0,30}[a-z0-9])?");

  private static final String SEARCH_PATH = "search_path";

  /** What needs no quotes. */
  private static final Pattern SCHEMA = Pattern.compile("[a-z_][a-z0-9_]*");

  private static final Set<String> KEYS =
      Set.of(
          "name",
          "role",
          "secret",
          "namespace",
          "connectionLimit",
          "poolSize",
          "settings",
          "memberOf");

  /** What a role may be a member of, for metrics. */
  private static final Set<String> MEMBER_OF = Set.of("pg_monitor");

  /** What a role may have; others reach the server, or the way this program compares. */
  private static final Set<String> SETTINGS =
      Set.of(
          "default_transaction_read_only",
          "idle_in_transaction_session_timeout",
          SEARCH_PATH,
          "statement_timeout");

  private final String where;

  private ServicesDocument(String where) {
    this.where = where;
  }

  /**
   * Reads it.
   *
   * @param where what is read, for messages
   * @throws Failure 2 if it is not such a document
   */
  public static List<Service> read(String json, String where) {
    ServicesDocument document = new ServicesDocument(where);
    try {
      return document.services(JsonMapper.builder().build().readTree(json));
    } catch (JsonProcessingException e) {
      throw document.unusable("it is not JSON: " + e.getOriginalMessage()).causedBy(e);
    }
  }

  private List<Service> services(JsonNode array) {
    if (!array.isArray()) {
      throw unusable("it is not an array");
    }
    List<Service> services = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (JsonNode service : array) {
      Service read = service(service);
      if (!seen.add(read.name())) {
        throw unusable("two services are named " + read.name());
      }
      services.add(read);
    }
    return List.copyOf(services);
  }

  private Service service(JsonNode service) {
    String name = service.path("name").asText();
    if (!NAME.matcher(name).matches()) {
      throw unusable(
          "\"%s\" cannot be a service's name, which has at most 32 lowercase letters, digits and dashes"
              .formatted(name));
    }
    service
        .fieldNames()
        .forEachRemaining(key -> {
          if (!KEYS.contains(key)) {
            throw unusable("service %s has the unknown key %s".formatted(name, key));
          }
        });
    String role = service.path("role").asText();
    OptionalInt limit = number(service, name, "connectionLimit");
    OptionalInt pool = number(service, name, "poolSize");
    if (limit.isPresent() && pool.orElse(0) > limit.getAsInt()) {
      throw unusable(
          "service %s has poolSize %d, which is more than its connectionLimit %d"
              .formatted(name, pool.getAsInt(), limit.getAsInt()));
    }
    Map<String, String> settings = new TreeMap<>();
    service
        .path("settings")
        .properties()
        .forEach(setting -> {
          if (!SETTINGS.contains(setting.getKey())) {
            throw unusable(
                "service %s has the setting %s, which is not one of %s"
                    .formatted(
                        name,
                        setting.getKey(),
                        String.join(", ", SETTINGS.stream().sorted().toList())));
          }
          settings.put(
              setting.getKey(), value(name, setting.getKey(), setting.getValue().asText()));
        });
    return new Service(
        name,
        role.isEmpty() ? "learnflow_" + name.replace('-', '_') : role,
        service.path("secret").asText(),
        service.path("namespace").asText(),
        limit,
        pool,
        settings,
        memberOf(service, name));
  }

  /** As PostgreSQL shows it, so that it can be compared. */
  private String value(String service, String setting, String value) {
    if (!setting.equals(SEARCH_PATH)) {
      return value;
    }
    List<String> schemas = List.of(value.strip().split("\\s*,\\s*", -1));
    if (!schemas.stream().allMatch(schema -> SCHEMA.matcher(schema).matches())) {
      throw unusable(
          "service %s has the search_path \"%s\", which is not a list of schemas such as app, public"
              .formatted(service, value));
    }
    return String.join(", ", schemas);
  }

  private List<String> memberOf(JsonNode service, String name) {
    List<String> roles = new ArrayList<>();
    for (JsonNode role : service.path("memberOf")) {
      if (!MEMBER_OF.contains(role.asText())) {
        throw unusable(
            "service %s is to be a member of %s, which is not %s"
                .formatted(name, role.asText(), String.join(", ", MEMBER_OF)));
      }
      roles.add(role.asText());
    }
    return List.copyOf(roles);
  }

  private OptionalInt number(JsonNode service, String name, String key) {
    JsonNode value = service.path(key);
    if (value.isMissingNode()) {
      return OptionalInt.empty();
    }
    if (!value.canConvertToInt() || value.asInt() < 1) {
      throw unusable("service %s has %s %s, not a number from 1".formatted(name, key, value));
    }
    return OptionalInt.of(value.asInt());
  }

  private Failure unusable(String why) {
    return Failure.of(ExitCode.USAGE, "the services cannot be read: " + why)
        .where(where)
        .state("nothing was changed")
        .next("correct it; docs/reference/services.md has its format");
  }
}
