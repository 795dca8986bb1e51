package org.learnflow.db.roles;

/**
 * A right or property that is not as it should be.
 *
 * @param what the finding, for people
 * @param sql the statement that puts it right, without a semicolon
 */
public record Deviation(String what, String sql) {}
