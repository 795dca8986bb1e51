package org.learnflow.db.postgres;

/** How another session is described to users who look for what blocks them. */
public final class SessionText {
  /**
   * An SQL expression over pg_stat_activity {@code a}: pid, user, application, state, age of the
   * transaction. Not its query, which may contain a password. What the role cannot see is reported
   * as unknown.
   */
  public static final String SQL =
      """
      format('pid %s (user %s, application "%s", %s, transaction began %s ago)', a.pid, a.usename,
             a.application_name, coalesce(a.state, 'state unknown'),
             coalesce(date_trunc('second', now() - a.xact_start)::text, 'some time'))
      """;

  private SessionText() {}
}
