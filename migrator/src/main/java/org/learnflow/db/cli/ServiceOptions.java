package org.learnflow.db.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.ServiceRole.Right;
import org.learnflow.db.connect.ServicesDocument;
import org.learnflow.db.roles.ServiceRights;
import picocli.CommandLine.Option;

/** Services with roles of their own, besides or instead of one for all. */
final class ServiceOptions {
  private static final String PASSWORDS = "--service-passwords";

  @Option(
      names = "--services",
      paramLabel = "FILE",
      description =
          "JSON file with the services that have roles of their own, or the JSON itself:"
              + " docs/reference/services.md.")
  private String services = "[]";

  @Option(
      names = PASSWORDS,
      paramLabel = "DIR",
      description =
          "Directory with a file service-NAME-password for each of them and, after a rotation,"
              + " service-NAME-user.")
  private @Nullable Path passwords;

  @Option(
      names = "--service-rights",
      paramLabel = "FILE",
      description =
          "CSV file with what each service may do (default: services.csv of the program's own"
              + " migrations).")
  private @Nullable Path rightsFile;

  private @Nullable ServiceRights rights;

  private List<Service> services() {
    if (services.strip().startsWith("[")) {
      return ServicesDocument.read(services, "--services");
    }
    Path file = Path.of(services);
    try {
      return ServicesDocument.read(WholeFile.SERVICES.text(file), file.toString());
    } catch (IOException e) {
      throw Failures.usage("the file that --services names cannot be read: " + Reason.of(e))
          .where(file.toString())
          .next("ls -l " + file)
          .causedBy(e);
    }
  }

  /** What a service may do: nothing with rows, if it is there for what PostgreSQL itself shows. */
  List<Right> rights(Service service) {
    if (!service.memberOf().isEmpty()) {
      return List.of();
    }
    ServiceRights read =
        Optional.ofNullable(rights)
            .orElseGet(() ->
                ServiceRights.read(
                    Optional.ofNullable(rightsFile)
                        .orElseGet(() ->
                            FileOptions.home().resolve("migrations").resolve(ServiceRights.FILE))));
    rights = read;
    return read.of(service.name());
  }

  /**
   * All roles that services log in as.
   *
   * @param ofAll the role of all services, or {@link ServiceRole#NONE}
   */
  List<ServiceRole> roles(String ofAll) {
    List<Service> all = services();
    return ServiceRole.all(ofAll, all, this::rights, users(all));
  }

  /** The roles that a rotation has made current, by the name of their file. */
  private Map<String, String> users(List<Service> all) {
    Map<String, String> users = new HashMap<>();
    if (passwords != null) {
      for (Service service : all) {
        Path file = passwords.resolve(service.userKey());
        if (Files.exists(file)) {
          PasswordFile.read(PASSWORDS, file)
              .ifPresent(user -> users.put(service.userKey(), user.value()));
        }
      }
    }
    return users;
  }

  /**
   * The passwords of current roles, by role; empty without a directory, or if no service's password
   * is in it, as in a pod that only looks.
   *
   * @throws Failure 2 if only some are
   */
  Map<String, Password> passwords(List<ServiceRole> roles) {
    Map<String, Password> found = new HashMap<>();
    List<Path> missing = new ArrayList<>();
    if (passwords != null) {
      for (ServiceRole role : roles) {
        if (role.current() && role.service().isPresent()) {
          Path file = passwords.resolve(role.service().get().passwordKey());
          if (Files.exists(file)) {
            PasswordFile.read(PASSWORDS, file)
                .ifPresent(password -> found.put(role.role(), password));
          } else {
            missing.add(file);
          }
        }
      }
    }
    if (!found.isEmpty() && !missing.isEmpty()) {
      throw Failures.usage("a service has no password")
          .where(missing.getFirst() + " does not exist")
          .next(
              "create it; in a release: put the password into the Secret that"
                  + " credentials.existingSecret names (for an external database:"
                  + " externalDatabase.appSecret), under the key "
                  + missing.getFirst().getFileName());
    }
    return found;
  }
}
