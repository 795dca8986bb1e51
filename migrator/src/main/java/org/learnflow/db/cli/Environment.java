package org.learnflow.db.cli;

import java.util.Map;
import java.util.Optional;

/**
 * The environment variables that a command sees.
 *
 * @param variables by name
 */
record Environment(Map<String, String> variables) {
  /** A variable's value; an empty one counts as not set, as in libpq. */
  Optional<String> get(String name) {
    return Optional.ofNullable(variables.get(name)).filter(value -> !value.isEmpty());
  }
}
