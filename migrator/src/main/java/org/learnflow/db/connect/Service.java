package org.learnflow.db.connect;

import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * A service with roles of its own. It has two, so that a rotation interrupts nothing: one is
 * published, and the next rotation gives the other a password.
 *
 * @param name such as {@code progress}: lowercase letters, digits and dashes
 * @param role the one that is published at first
 * @param secret name under which its connection is published; empty outside a cluster
 * @param namespace where it is published; empty if nowhere
 * @param connectionLimit how many connections each of its roles may have at once
 * @param poolSize how many an instance of it should open; published for its connection pool
 * @param settings of its sessions in the database, by name (letters and underscores); others are
 *     left as they are
 * @param memberOf predefined roles of PostgreSQL that each of its roles is a member of
 */
public record Service(
    String name,
    String role,
    String secret,
    String namespace,
    OptionalInt connectionLimit,
    OptionalInt poolSize,
    Map<String, String> settings,
    List<String> memberOf) {
  private static final String OTHER = "_b";

  /** Both roles. */
  public List<String> roles() {
    return List.of(role, role + OTHER);
  }

  /** The role that is not {@code current}. */
  public String other(String current) {
    return current.equals(role) ? role + OTHER : role;
  }

  /** Key of its password in the release's Secret, and name of the file with it in a pod. */
  public String passwordKey() {
    return passwordKey(name);
  }

  /** The same by a service's name. */
  public static String passwordKey(String name) {
    return "service-%s-password".formatted(name);
  }

  /** Key of the role that has this password; without it, it is {@link #role}. */
  public String userKey() {
    return "service-%s-user".formatted(name);
  }
}
