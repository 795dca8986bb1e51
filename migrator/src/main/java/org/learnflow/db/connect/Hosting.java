package org.learnflow.db.connect;

import java.util.Optional;
import java.util.OptionalLong;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;

/** Who runs the server, if that is known: a cluster knows more than a rejected connection shows. */
public interface Hosting {
  /** Nothing is known; SQL is tried directly. */
  Hosting UNKNOWN = new Hosting() {};

  /** Why SQL should not be tried yet; empty if it can be. Never throws. */
  default Optional<Obstacle> obstacle() {
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
