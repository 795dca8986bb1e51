package org.learnflow.db.credentials;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.learnflow.db.Elapsed;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Password;
import org.learnflow.db.Pause;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.postgres.SqlStates;

/**
 * Sessions of the admin that are opened before a rotation waits for the lock, because another
 * rotation may replace the password meanwhile.
 *
 * @param locking in the database itself, where other rotations take the lock
 * @param maintenance where passwords are set
 */
record AdminLogin(Session locking, Session maintenance) implements AutoCloseable {
  /** How long a rejected login is retried: another rotation may be running. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final Duration POLL = Duration.ofMillis(200);

  /** Logs in with whichever of the admin's passwords the database accepts now. */
  static AdminLogin open(DatabaseAccess access, CredentialsSecret secret, Release release) {
    String what = "logging in as the admin, which the server has rejected until now";
    try (var _ = Ongoing.begin(access.progress(), "rotate", what, PATIENCE)) {
      return retried(access, secret, release);
    }
  }

  private static AdminLogin retried(
      DatabaseAccess access, CredentialsSecret secret, Release release) {
    CredentialsRole role = CredentialsRole.admin(release);
    Elapsed waited = Elapsed.fromNow();
    while (true) {
      for (Password password : candidates(access, secret, release, role.key())) {
        try {
          return open(
              access.admin(new AdminSessions.Credentials(role.current(), Optional.of(password))));
        } catch (Failure failure) {
          if (!SqlStates.of(failure).equals(SqlStates.INVALID_PASSWORD)) {
            throw failure;
          }
        }
      }
      if (waited.exceeds(PATIENCE)) {
        throw PasswordExchange.notAccepted(List.of(role), release);
      }
      Pause.of(POLL);
    }
  }

  private static AdminLogin open(AdminSessions sessions) {
    AdminLogin admin = new AdminLogin(sessions.inDatabase(), sessions.maintenance());
    try {
      admin.locking.run("rotate", connection -> connection.isValid(0));
      admin.maintenance.run("rotate", connection -> connection.isValid(0));
      return admin;
    } catch (Failure failure) {
      admin.close();
      throw failure;
    }
  }

  /** The next password, if there is one, and the current one; or that of somebody else's Secret. */
  private static List<Password> candidates(
      DatabaseAccess access, CredentialsSecret secret, Release release, String key) {
    if (release.credentialsSecret().isAdminForeign()) {
      return access.target().admin().flatMap(AdminSessions.Credentials::password).stream().toList();
    }
    return Stream.of(secret.pending(), secret.current())
        .map(passwords -> passwords.get(key))
        .filter(Objects::nonNull)
        .toList();
  }

  @Override
  public void close() {
    locking.close();
    maintenance.close();
  }
}
