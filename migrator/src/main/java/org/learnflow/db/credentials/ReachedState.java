package org.learnflow.db.credentials;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.learnflow.db.Failure;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.Release;

/**
 * How far a rotation has come, even if a lost session starts it again: which passwords are where,
 * for the message if it fails.
 */
final class ReachedState {
  private final Release release;
  private final Set<CredentialsRole> old = new LinkedHashSet<>();
  private final Set<CredentialsRole> unknown = new LinkedHashSet<>();
  private final Set<CredentialsRole> set = new LinkedHashSet<>();
  private boolean kept;
  private boolean finishing;
  private boolean finished;

  ReachedState(Release release) {
    this.release = release;
  }

  /** The next passwords are in the Secret. */
  void kept(Collection<CredentialsRole> roles) {
    kept = true;
    old.addAll(roles);
    old.removeAll(unknown);
    old.removeAll(set);
  }

  /** A role's password is about to be set in the database. */
  void setting(CredentialsRole role) {
    old.remove(role);
    if (!set.contains(role)) {
      unknown.add(role);
    }
  }

  /** A role's password is set in the database. */
  void set(CredentialsRole role) {
    unknown.remove(role);
    set.add(role);
  }

  /** The next passwords are about to become current in the Secret. */
  void finishing() {
    finishing = true;
  }

  /** The Secret contains only the new passwords. */
  void finished() {
    finished = true;
  }

  /**
   * The failure with a state that says which passwords are where; unchanged if no new password
   * exists yet.
   */
  Failure explained(Failure failure) {
    if (!kept || finished) {
      return failure;
    }
    String secret = "Secret " + release.credentialsSecret().name();
    List<String> states = new ArrayList<>();
    states.add("new passwords are stored in " + secret + " beside those in force");
    state(states, set, "set in the database: ");
    state(states, unknown, "whether it is set in the database is unknown: ");
    state(states, old, "not set yet: ");
    if (finishing) {
      states.add("putting them in force: " + failure.state().orElse("unknown"));
    }
    return failure
        .state(String.join("; ", states))
        .next(
            failure.next().map(next -> next + "; then ").orElse("")
                + "finish it: "
                + CredentialsSecret.rotation(release.name(), release.namespace()));
  }

  private void state(List<String> states, Set<CredentialsRole> roles, String what) {
    if (!roles.isEmpty()) {
      states.add(what + CredentialsRole.names(roles));
    }
  }
}
