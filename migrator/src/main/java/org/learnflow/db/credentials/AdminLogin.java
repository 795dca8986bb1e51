package org.learnflow.db.credentials;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Pause;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.postgres.SqlStates;

/**
 * Sessions of the admin that are open before a rotation waits for its turn, since another one may
 * replace the password meanwhile.
 *
 * @param locking in the database itself, where the others look for the lock
 * @param maintenance where passwords are set
 */
record AdminLogin(Session locking, Session maintenance) implements AutoCloseable {
  /** How long one login that was refused is tried again: another rotation may be at work. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final Duration POLL = Duration.ofMillis(200);

  /** Logs in by whichever of the admin's passwords the database knows by now. */
  static AdminLogin open(DatabaseAccess access, CredentialsSecret secret, Release release) {
    String name = CredentialsRole.ADMIN.name(release);
    String key = CredentialsRole.ADMIN.key(release);
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      for (Password password : candidates(secret, key)) {
        try {
          return open(access.admin(new AdminSessions.Credentials(name, Optional.of(password))));
        } catch (Failure failure) {
          if (!SqlStates.of(failure).equals(SqlStates.INVALID_PASSWORD)) {
            throw failure;
          }
        }
      }
      if (System.nanoTime() > end) {
        throw PasswordExchange.notAccepted(Set.of(CredentialsRole.ADMIN), release);
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

  /** The next password, where there is one, and the one in force. */
  private static List<Password> candidates(CredentialsSecret secret, String key) {
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
