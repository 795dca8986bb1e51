package org.learnflow.db.connect;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;

/** The database of an embedded server. */
public final class EmbeddedTarget {
  private static final String DATABASE = "learnflow";

  private EmbeddedTarget() {}

  /**
   * Starts the server.
   *
   * @param create whether it is created if it does not exist
   * @param services their roles
   * @throws Failure 3 if there is none
   */
  public static Target start(
      Path directory, boolean create, List<ServiceRole> services, Progress progress) {
    if (!create && !EmbeddedServer.existsIn(directory)) {
      throw Failure.of(ExitCode.NOT_DEPLOYED, "there is no embedded database in " + directory)
          .state("nothing was changed")
          .next("create it with: learnflow-db run --embedded " + directory);
    }
    EmbeddedServer server = EmbeddedServer.in(directory);
    RoleNames names = new RoleNames(RoleNames.DEFAULT_OWNER, services);
    List<String> current =
        services.stream().filter(ServiceRole::current).map(ServiceRole::role).toList();
    int port =
        server.start(Stream.concat(Stream.of(names.owner()), current.stream()).toList(), progress);
    PasswordDirectory passwords = server.passwords();
    DatabaseAddress owner =
        new DatabaseAddress(
            "127.0.0.1", port, DATABASE, names.owner(), SslMode.DEFAULT, Optional.empty());
    return new Target(
        owner,
        ServiceHosts.NONE,
        Optional.of(passwords.getOrCreate(names.owner())),
        Optional.of(
            new AdminSessions.Credentials(
                EmbeddedServer.ADMIN, Optional.of(passwords.getOrCreate(EmbeddedServer.ADMIN)))),
        names,
        current.stream().collect(Collectors.toMap(role -> role, passwords::getOrCreate)),
        server.hosting(),
        Target.Server.OWN);
  }
}
