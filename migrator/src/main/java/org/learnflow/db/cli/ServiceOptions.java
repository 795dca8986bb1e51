package org.learnflow.db.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.roles.ServiceRights;
import picocli.CommandLine.Option;

/** Roles of their own for services, instead of one for all. */
final class ServiceOptions {
  private static final Set<String> SETTINGS =
      Set.of(
          "default_transaction_read_only",
          "idle_in_transaction_session_timeout",
          "lock_timeout",
          "search_path",
          "statement_timeout");

  @Option(
      names = "--services",
      paramLabel = "FILE",
      description =
          "JSON file with the services that have roles of their own: an array of objects with name,"
              + " role, passwordFile, connectionLimit and settings.")
  private @Nullable Path services;

  @Option(
      names = "--service-rights",
      paramLabel = "FILE",
      description =
          "CSV file with what each service may do (default: services.csv of the migrations).")
  private @Nullable Path rights;

  /** The roles; without services of their own, one for all. */
  List<ServiceRole> roles(String all) {
    if (services == null) {
      return List.of(ServiceRole.ofAll(all));
    }
    ServiceRights written =
        ServiceRights.read(Optional.ofNullable(rights).orElse(Path.of(ServiceRights.FILE)));
    List<ServiceRole> roles = new ArrayList<>();
    for (JsonNode service : read(services)) {
      String name = service.path("name").asText();
      Map<String, String> settings = new TreeMap<>();
      service
          .path("settings")
          .properties()
          .forEach(setting -> {
            if (!SETTINGS.contains(setting.getKey())) {
              throw unusable(
                  services, "\"%s\" is none of the settings".formatted(setting.getKey()));
            }
            settings.put(setting.getKey(), setting.getValue().asText());
          });
      roles.add(
          new ServiceRole(
              name,
              service.path("role").asText(),
              Optional.of(written.of(name)),
              service.has("connectionLimit")
                  ? OptionalInt.of(service.path("connectionLimit").asInt())
                  : OptionalInt.empty(),
              settings));
    }
    return List.copyOf(roles);
  }

  /** Their passwords, by role. */
  Map<String, Password> passwords(String all, Optional<Password> ofAll) {
    Map<String, Password> passwords = new HashMap<>();
    if (services == null) {
      ofAll.ifPresent(password -> passwords.put(all, password));
      return passwords;
    }
    for (JsonNode service : read(services)) {
      if (service.has("passwordFile")) {
        PasswordFile.read("--services", Path.of(service.path("passwordFile").asText()))
            .ifPresent(password -> passwords.put(service.path("role").asText(), password));
      }
    }
    return passwords;
  }

  private static JsonNode read(Path file) {
    try {
      return JsonMapper.builder().build().readTree(WholeFile.SERVICES.text(file));
    } catch (JsonProcessingException e) {
      throw unusable(file, e.getOriginalMessage()).causedBy(e);
    } catch (IOException e) {
      throw unusable(file, Reason.of(e)).causedBy(e);
    }
  }

  private static Failure unusable(Path file, String why) {
    return Failures.usage("the file that --services names cannot be used: " + why)
        .where(file.toString())
        .next("correct it; docs/reference/services.md has its format");
  }
}
