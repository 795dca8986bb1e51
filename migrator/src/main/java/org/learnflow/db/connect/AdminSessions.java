package org.learnflow.db.connect;

import java.time.Duration;
import java.util.Optional;
import javax.sql.DataSource;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;

/**
 * The one place that opens sessions of the admin. Its rule: an admin's session never executes
 * anything that the owner of the database or a service could have planted.
 *
 * <ul>
 *   <li>Its session is in {@link #maintenance} wherever that is enough: roles, passwords, creating,
 *       renaming and dropping databases, ending sessions.
 *   <li>In LearnFlow's own database ({@link #inDatabase}) it runs only the statements of {@code
 *       roles.ForeignObjects} and the advisory locks. These read and write no relation of the
 *       owner, and qualify every function and operator.
 *   <li>Either way it is {@linkplain Connector#guarded guarded}, by the connection and not by the
 *       role.
 *   <li>The text of statements is composed here from rows of the catalog, not by the server.
 *   <li>Privileges inside the database are granted by the owner's session.
 * </ul>
 */
public final class AdminSessions {
  private final Credentials credentials;
  private final DatabaseAddress database;
  private final Connector connector;
  private final Duration timeout;
  private final Progress progress;
  private final Hosting hosting;

  /**
   * Sessions of one admin.
   *
   * @param database LearnFlow's own, as any role
   * @param timeout how long to wait for the server
   */
  public AdminSessions(
      Credentials credentials,
      DatabaseAddress database,
      Connector connector,
      Duration timeout,
      Progress progress,
      Hosting hosting) {
    this.credentials = credentials;
    this.database = database.as(credentials.user());
    this.connector = connector;
    this.timeout = timeout;
    this.progress = progress;
    this.hosting = hosting;
  }

  /**
   * The admin.
   *
   * @param user name of its role
   * @param password empty if the server does not ask for one
   */
  public record Credentials(String user, Optional<Password> password) {}

  /** In database {@code postgres}. */
  public Session maintenance() {
    return session(database.in(DatabaseAddress.MAINTENANCE_DATABASE));
  }

  /** In LearnFlow's own database, which does not have to exist. */
  public Session inDatabase() {
    return session(database);
  }

  private Session session(DatabaseAddress address) {
    DataSource source = connector.guarded(hosting.route(address), credentials.password());
    return new Session(
        source,
        new Readiness(source, address, credentials.password(), timeout, progress, hosting),
        progress);
  }
}
