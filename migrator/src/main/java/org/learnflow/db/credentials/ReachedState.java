package org.learnflow.db.credentials;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.learnflow.db.Failure;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.Release;

/**
 * How far a rotation has come, also where a lost session begins it again: which passwords are
 * where, for whoever reads why it did not end.
 */
final class ReachedState {
  private final Release release;
  private final Set<CredentialsRole> old = EnumSet.noneOf(CredentialsRole.class);
  private final Set<CredentialsRole> unknown = EnumSet.noneOf(CredentialsRole.class);
  private final Set<CredentialsRole> set = EnumSet.noneOf(CredentialsRole.class);
  private boolean kept;
  private boolean finishing;
  private boolean finished;

  ReachedState(Release release) {
    this.release = release;
  }

  /** The next passwords are in the Secret. */
  void kept(Set<CredentialsRole> roles) {
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

  /** The next passwords are about to be put in force in the Secret. */
  void finishing() {
    finishing = true;
  }

  /** The Secret holds nothing else any more. */
  void finished() {
    finished = true;
  }

  /** A failure that says which passwords are where; as it is where no new one is anywhere. */
  Failure explained(Failure failure) {
    if (!kept || finished) {
      return failure;
    }
    String secret = "Secret " + release.credentialsSecret().name();
    List<String> states = new ArrayList<>();
    states.add("new passwords are kept in " + secret + " beside those in force");
    state(states, set, "set in the database: ");
    state(states, unknown, "whether it is set in the database is not known: ");
    state(states, old, "not set yet: ");
    if (finishing) {
      states.add("putting them in force: " + failure.state().orElse("not known"));
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
      states.add(what + CredentialsRole.names(roles, release));
    }
  }
}
