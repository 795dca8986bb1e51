package org.learnflow.db.testing;

import org.learnflow.db.Password;

/**
 * A running server.
 *
 * @param port on {@code host}
 * @param adminPassword of the superuser {@code postgres}
 * @param description for people: what it is and why
 */
public record PostgresServer(String host, int port, Password adminPassword, String description) {
  /** The superuser. */
  public static final String ADMIN = "postgres";
}
