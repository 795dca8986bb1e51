package org.learnflow.db.connect;

import java.util.Optional;

/**
 * Where services find the database besides its own address, which the migrator uses.
 *
 * @param replicas host of replicas, on the same port
 * @param pooler in front of the database; services get its address instead of the database's
 */
public record ServiceHosts(Optional<String> replicas, Optional<PoolerAddress> pooler) {
  /** None but the database itself. */
  public static final ServiceHosts NONE = new ServiceHosts(Optional.empty(), Optional.empty());

  /** A connection pooler such as PgBouncer, in any mode. */
  public record PoolerAddress(String host, int port) {}

  /** What services connect to, where the migrator connects to {@code direct}. */
  public DatabaseAddress published(DatabaseAddress direct) {
    return pooler.map(found -> direct.at(found.host(), found.port())).orElse(direct);
  }
}
