package org.learnflow.db.publish;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.PasswordCheck;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.postgres.AdvisoryLock;

/** The only place that publishes: it logs in with what it publishes first. */
public final class Publisher {
  private final DatabaseAccess access;
  private final Supplier<Optional<PublishTarget>> place;
  private final Progress progress;
  private final Function<Target, List<PublishedConnection>> which;

  /**
   * A publisher of a database's connection.
   *
   * @param place where it is published, if anywhere; evaluated when needed
   */
  public Publisher(
      DatabaseAccess access, Supplier<Optional<PublishTarget>> place, Progress progress) {
    this(access, place, progress, PublishedConnection::all);
  }

  /**
   * The same for some connections only.
   *
   * @param which those to publish
   */
  public Publisher(
      DatabaseAccess access,
      Supplier<Optional<PublishTarget>> place,
      Progress progress,
      Function<Target, List<PublishedConnection>> which) {
    this.access = access;
    this.place = place;
    this.progress = progress;
    this.which = which;
  }

  /** Where the connection is published: namespaces separated by commas, a file, or nowhere. */
  public String place() {
    return place.get().map(PublishTarget::place).orElse("nowhere");
  }

  /**
   * Publishes the services' passwords, unless a rotation has replaced one since it was read; no
   * rotation can start in between.
   *
   * @param schemaVersion newest applied migration
   * @return what was done, one line
   * @throws Failure 5 if the password is rejected, 9 if it cannot be published
   */
  public String publish(Session owner, String schemaVersion) {
    return owner.run(
        "publish",
        connection -> {
          try (var _ =
              AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.CREDENTIALS, progress)) {
            return publishLocked(schemaVersion);
          }
        });
  }

  /** The same for a caller that already holds the lock CREDENTIALS. */
  public String publishLocked(String schemaVersion) {
    Optional<PublishTarget> to = place.get();
    return to.isPresent()
        ? progress.trace().part("publish", _ -> publishTo(to.get(), schemaVersion))
        : "nowhere (--publish-to none)";
  }

  private String publishTo(PublishTarget to, String schemaVersion) {
    Target target = access.target();
    List<PublishedConnection> connections = which.apply(target);
    for (PublishedConnection connection : connections) {
      target
          .hosting()
          .replaced(connection.password())
          .ifPresent(failure -> {
            throw failure;
          });
    }
    for (PublishedConnection connection : connections) {
      PasswordCheck.Login login = access.login(connection.address().user(), connection.password());
      if (login.answer() == PasswordCheck.Answer.UNKNOWN
          && to.isPublished(connections, schemaVersion)) {
        return to.place() + ": unchanged";
      }
      requireLogin(target, connection, login);
    }
    return to.publish(connections, schemaVersion);
  }

  private static void requireLogin(
      Target target, PublishedConnection connection, PasswordCheck.Login login) {
    if (login.answer() != PasswordCheck.Answer.LOGGED_IN
        && login.answer() != PasswordCheck.Answer.AT_LIMIT) {
      boolean refused = login.answer() == PasswordCheck.Answer.REFUSED;
      throw Failure.of(
              refused ? ExitCode.CREDENTIALS_REFUSED : ExitCode.PUBLISHING_FAILED,
              "nothing is published, because %s could not log in with its password: %s"
                  .formatted(connection.address().user(), login.reason()))
          .where(connection.address().toString())
          .state("the published connection is unchanged")
          .next(
              refused
                  ? target.serviceRemedy()
                  : "correct what the server reports and run the same command again");
    }
  }
}
