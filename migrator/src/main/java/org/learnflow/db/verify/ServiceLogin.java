package org.learnflow.db.verify;

import java.util.List;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.PasswordCheck;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.Target;

/** Whether services can log in with the password that is published. */
public final class ServiceLogin {
  private static final String STAGE = "login";

  private ServiceLogin() {}

  /**
   * A stage for each service whose password is known.
   *
   * @throws Failure if the password was replaced after it was read
   */
  public static List<StageResult> look(DatabaseAccess access) {
    Target target = access.target();
    return target.names().current().stream()
        .flatMap(role ->
            target.servicePassword(role.role()).stream()
                .map(password -> look(access, role, password)))
        .toList();
  }

  private static StageResult look(DatabaseAccess access, ServiceRole service, Password password) {
    Target target = access.target();
    String role = service.title();
    PasswordCheck.Login login = access.login(service.role(), password);
    if (login.answer() == PasswordCheck.Answer.REFUSED) {
      target
          .hosting()
          .replaced(password)
          .or(() -> target.hosting().beingReplaced(password))
          .ifPresent(failure -> {
            throw failure;
          });
    }
    return switch (login.answer()) {
      case LOGGED_IN -> StageResult.good(STAGE, role + " can log in");
      case AT_LIMIT ->
          StageResult.warning(
              STAGE, "%s has all connections it may have: %s".formatted(role, login.reason()));
      case UNKNOWN ->
          StageResult.warning(
              STAGE, "whether %s can log in is unknown: %s".formatted(role, login.reason()));
      case REFUSED ->
          StageResult.broken(
              STAGE,
              "%s cannot log in with its password: %s; next: %s"
                  .formatted(role, login.reason(), target.serviceRemedy()));
      case NO_DATABASE ->
          StageResult.broken(
              STAGE, "%s cannot connect to the database: %s".formatted(role, login.reason()));
    };
  }
}
