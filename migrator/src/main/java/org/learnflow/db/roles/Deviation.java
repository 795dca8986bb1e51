package org.learnflow.db.roles;

/**
 * A privilege or property that differs from the expected state.
 *
 * @param what the finding, for messages
 * @param sql the statement that fixes it, without a semicolon
 */
public record Deviation(String what, String sql) {}
