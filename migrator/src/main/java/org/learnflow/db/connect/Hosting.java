package org.learnflow.db.connect;

import java.util.Optional;
import org.learnflow.db.Failure;

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

  /** A refusal of credentials, with what is known about where they come from. */
  default Failure explained(Failure refused) {
    return refused;
  }

  /**
   * Why a server cannot be used yet.
   *
   * @param what in the words that the host uses, such as ImagePullBackOff, one line
   * @param next the next command to type
   */
  record Obstacle(String what, String next) {}
}
