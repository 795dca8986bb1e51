package org.learnflow.db.verify;

import java.util.Optional;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.PasswordCheck;
import org.learnflow.db.connect.Target;

/** Whether services can log in with the password that is published. */
public final class ServiceLogin {
  private static final String STAGE = "login";

  private ServiceLogin() {}

  /**
   * The stage; empty if the password is unknown.
   *
   * @throws Failure if the password was replaced after it was read
   */
  public static Optional<StageResult> look(DatabaseAccess access) {
    return access.target().servicePassword().map(password -> look(access, password));
  }

  private static StageResult look(DatabaseAccess access, Password password) {
    Target target = access.target();
    String role = target.names().service();
    PasswordCheck.Login login = access.login(role, password);
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
