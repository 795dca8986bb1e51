package org.learnflow.db.connect;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;

/** Who runs the server, if that is known: a cluster knows more than a rejected connection shows. */
public interface Hosting {
  /** Nothing is known; SQL is tried directly. */
  Hosting UNKNOWN = new Hosting() {};

  /**
   * Who has set the passwords of the server's roles, where several could, such as {@code
   * learnflow-db in namespace postgres}; empty where only one can.
   */
  default Optional<String> tenant() {
    return Optional.empty();
  }

  /** Why SQL should not be tried yet; empty if it can be. Never throws. */
  default Optional<Obstacle> obstacle() {
    return Optional.empty();
  }

  /** Why SQL has just failed; empty if that is unknown, or all is well. Never throws. */
  default Optional<Obstacle> cause() {
    return Optional.empty();
  }

  /** The address at which this process reaches the server that others reach at {@code address}. */
  default DatabaseAddress route(DatabaseAddress address) {
    return address;
  }

  /**
   * A failure about rejected credentials, with what is known about where they come from.
   *
   * @param password the password that was rejected
   */
  default Failure explained(Failure refused, Optional<Password> password) {
    return refused;
  }

  /**
   * How long the server may still reject the right password of a role, because whoever runs it sets
   * the password a moment after it has written it down.
   */
  default Duration passwordGrace(String role) {
    return Duration.ZERO;
  }

  /**
   * Why a password that was read a while ago must no longer be set or published: another one has
   * replaced it. Empty if it can be, or if that is unknown.
   */
  default Optional<Failure> replaced(Password password) {
    return Optional.empty();
  }

  /** The same for a password whose replacement was started and not finished. */
  default Optional<Failure> beingReplaced(Password password) {
    return Optional.empty();
  }

  /**
   * Whether the server may still show a certificate that was just replaced, so that a TLS failure
   * can be over in a minute.
   */
  default boolean renewsCertificate() {
    return false;
  }

  /** What to do where the server's TLS does not satisfy {@code sslmode}. */
  default String tlsAdvice() {
    return "specify the right sslrootcert, the host that the certificate names, or another"
        + " sslmode; in a release: externalDatabase.ca, .host, .sslmode";
  }

  /**
   * How long before their end the server's certificate and its authority are renewed by themselves;
   * empty if nobody is known to do that.
   */
  default Optional<Duration> renewsBefore() {
    return Optional.empty();
  }

  /** How the server is told to reject clients without TLS. */
  default String plainTextAdvice() {
    return "write hostssl instead of host in its pg_hba.conf, or require TLS in the settings of a"
        + " managed server";
  }

  /** Free space on the disk of the server's data, if that is known without asking the server. */
  default OptionalLong freeBytes() {
    return OptionalLong.empty();
  }

  /**
   * Why a server cannot be used yet.
   *
   * @param what in the words of the host, such as ImagePullBackOff, one line
   * @param next the next command to type
   */
  record Obstacle(String what, String next) {}
}
