package org.learnflow.db.kubernetes;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The tag and the digest of a reference to PostgreSQL's image, such as {@code
 * docker.io/library/postgres:17.12-trixie@sha256:...}; each is empty if the reference has none. A
 * digest decides what runs, but only a tag says which version it is.
 */
record PostgresImage(String tag, String digest) {
  private static final Pattern MAJOR = Pattern.compile("(?<major>[12]\\d)(?!\\d)");

  /** Reads a reference as a pod has it. */
  static PostgresImage of(String reference) {
    int at = reference.indexOf('@');
    String name = at < 0 ? reference : reference.substring(0, at);
    // A registry can have a port.
    int colon = name.indexOf(':', name.lastIndexOf('/') + 1);
    return new PostgresImage(
        colon < 0 ? "" : name.substring(colon + 1), at < 0 ? "" : reference.substring(at + 1));
  }

  /** Of a tag such as 17, 17.12-trixie or 17.6.0-debian-12-r4; empty if it says something else. */
  Optional<String> major() {
    Matcher matcher = MAJOR.matcher(tag);
    return matcher.lookingAt() ? Optional.of(matcher.group("major")) : Optional.empty();
  }

  /** Whether both are certainly the same image. */
  boolean sameAs(PostgresImage other) {
    return !digest.isEmpty() && digest.equals(other.digest);
  }
}
