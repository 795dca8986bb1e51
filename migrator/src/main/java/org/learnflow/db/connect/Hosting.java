package org.learnflow.db.connect;

import java.util.Optional;
import java.util.OptionalLong;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;

/**
 * Who runs the server, where that is known: a cluster knows more than a refused connection tells.
 */
public interface Hosting {
  /** Nothing is known; SQL is simply tried. */
  Hosting UNKNOWN = new Hosting() {};

  /** Why SQL should not be tried yet; none where it may. Never throws. */
  default Optional<Obstacle> obstacle() {
    return Optional.empty();
  }

  /**
   * The address under which this process reaches the server that others find at {@code address}.
   */
  default DatabaseAddress route(DatabaseAddress address) {
    return address;
  }

  /**
   * A refusal of credentials, with what is known about where they come from.
   *
   * @param password that was refused
   */
  default Failure explained(Failure refused, Optional<Password> password) {
    return refused;
  }

  /**
   * Why a password that was read a while ago must not be set or published any more: another one has
   * taken its place. None where it may, or where that is not known.
   */
  default Optional<Failure> replaced(Password password) {
    return Optional.empty();
  }

  /** The same of one whose replacement was begun and not finished. */
  default Optional<Failure> beingReplaced(Password password) {
    return Optional.empty();
  }

  /** Room on the disk of the server's data, where that is known without asking the server. */
  default OptionalLong freeBytes() {
    return OptionalLong.empty();
  }

  /**
   * Why a server cannot be used yet.
   *
   * @param what in the words that the host uses, such as ImagePullBackOff, one line
   * @param next the next command to type
   */
  record Obstacle(String what, String next) {}
}
