package org.learnflow.db.kubernetes;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.learnflow.db.Password;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Hosting;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceRole.Right;
import org.learnflow.db.connect.Target;

/** The database of a release. */
public final class ReleaseTarget {
  private ReleaseTarget() {}

  /**
   * Reads what is needed to use it.
   *
   * @param password of the owner, where it is not that of the Secret
   * @param route whether this process reaches the database through the API server only
   * @param rights what a service may do
   * @throws org.learnflow.db.Failure 1 where a password is missing
   */
  public static Target of(
      KubernetesApi api,
      Release found,
      Optional<Password> password,
      boolean route,
      Function<Service, List<Right>> rights) {
    Release.Passwords passwords = found.passwords(api, rights);
    DatabaseAddress owner = withCertificate(api, found);
    Hosting hosting = found.hosting(api, route).<Hosting>map(pod -> pod).orElse(Hosting.UNKNOWN);
    return new Target(
        owner,
        found.serviceHosts(),
        password.or(() -> Optional.of(passwords.owner())),
        found.adminUser().map(user -> new AdminSessions.Credentials(user, passwords.admin())),
        new RoleNames(owner.user(), passwords.roles()),
        passwords.services(),
        hosting,
        server(found.server()));
  }

  private static DatabaseAddress withCertificate(KubernetesApi api, Release found) {
    DatabaseAddress owner = found.owner();
    return (owner.sslMode().verifies() ? found.certificate(api) : Optional.<String>empty())
        .map(pem ->
            new DatabaseAddress(
                owner.host(),
                owner.port(),
                owner.database(),
                owner.user(),
                owner.sslMode(),
                Optional.of(file(pem))))
        .orElse(owner);
  }

  private static Path file(String certificate) {
    try {
      Path file = Files.createTempFile("learnflow-db-", ".crt");
      file.toFile().deleteOnExit();
      return Files.writeString(file, certificate);
    } catch (IOException e) {
      throw new UncheckedIOException("writing the server's certificate", e);
    }
  }

  /** Whose server it is that an object runs; without one, it is an external one. */
  public static Target.Server server(Optional<ServerObject> server) {
    return server
        .map(found -> found.isStatefulSet() ? Target.Server.OWN : Target.Server.OPERATED)
        .orElse(Target.Server.SHARED);
  }
}
