package org.learnflow.db.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.PasswordCheck;
import org.learnflow.db.connect.ServiceHosts;
import org.learnflow.db.connect.Target;

/**
 * Whether services reach what is published besides the database itself: its pooler, its replicas.
 * Only a warning, since these may start after the database's roles exist.
 */
public final class ServiceRoutes {
  private ServiceRoutes() {}

  /**
   * Logs in at each as each service whose password is known; nothing where this process itself
   * reaches the database through a pod.
   */
  public static List<StageResult> look(DatabaseAccess access) {
    if (!access.isDirect()) {
      return List.of();
    }
    Target target = access.target();
    ServiceHosts hosts = target.serviceHosts();
    List<StageResult> stages = new ArrayList<>();
    hosts
        .pooler()
        .flatMap(_ -> look("pooler", access, hosts.published(target.owner())))
        .ifPresent(stages::add);
    hosts
        .replicas()
        .flatMap(host -> look("replicas", access, target.owner().at(host)))
        .map(stage -> stage.warning() ? readersUsePrimary(stage) : stage)
        .ifPresent(stages::add);
    return stages;
  }

  /** A server without replicas is no mistake: services that read are given the primary, too. */
  private static StageResult readersUsePrimary(StageResult stage) {
    return StageResult.good(
        stage.name(), stage.detail() + "; services that read use the primary meanwhile");
  }

  private static Optional<StageResult> look(
      String name, DatabaseAccess access, DatabaseAddress address) {
    List<String> roles = new ArrayList<>();
    for (var service : access.target().names().current()) {
      var password = access.target().servicePassword(service.role());
      if (password.isPresent()) {
        PasswordCheck.Login login =
            access.loginAsService(address.as(service.role()), password.get());
        if (login.answer() != PasswordCheck.Answer.LOGGED_IN) {
          return Optional.of(
              StageResult.warning(
                  name,
                  "%s cannot log in at %s:%d, which services are given: %s"
                      .formatted(service.title(), address.host(), address.port(), login.reason())));
        }
        roles.add(service.title());
      }
    }
    return roles.isEmpty()
        ? Optional.empty()
        : Optional.of(
            StageResult.good(
                name,
                "%s can log in at %s:%d"
                    .formatted(String.join(", ", roles), address.host(), address.port())));
  }
}
