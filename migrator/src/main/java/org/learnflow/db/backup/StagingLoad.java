package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.Session;

/**
 * Fills the staging database; a failure leaves neither it nor the loading role behind.
 *
 * @param making a session in the maintenance database, of a role that can create databases
 * @param ending a session in the maintenance database, of a role that can end others' sessions and,
 *     if there is a loading role, create roles
 */
record StagingLoad(
    RestoreSessions sessions,
    Connection making,
    Connection ending,
    StagingPreparation preparation,
    RestoreChecks checks,
    Progress progress) {
  private static final String STEP = "restore";

  /** The state after a failure. */
  static final String DROPPED = "the database was not changed; the staging database was dropped";

  private StagingDatabase staging() {
    return new StagingDatabase(making, sessions.database(), progress);
  }

  /**
   * Does it.
   *
   * @param dumped settings of the dumped database, used if there is no running one
   * @param owner a session of the owner in the maintenance database
   */
  Loaded run(DumpLoad dump, List<DatabaseSetting> dumped, Connection owner) throws SQLException {
    StagingDatabase staging = staging();
    staging.dropLeftover(sessions.ownerName());
    List<DatabaseSetting> settings = checks.live().exists() ? checks.live().settings() : dumped;
    if (sessions.loader().isPresent()) {
      sessions.loader().get().make(ending, sessions.ownerName());
    }
    staging.make(sessions.ownerName(), dump.likeness());
    try {
      Loaded loaded = fill(dump, owner);
      new DatabaseProperties(making, sessions.database(), staging.name(), progress)
          .copy(owner, settings);
      dropLoader();
      return loaded;
    } catch (SQLException | RuntimeException e) {
      String state = undo(e);
      if (e instanceof Failure failure
          && (state.equals(Restore.LEFT) || isOfNoAccount(failure.state()))) {
        throw failure.state(state);
      }
      throw e;
    }
  }

  private Loaded fill(DumpLoad dump, Connection owner) {
    StagingDatabase staging = staging();
    if (sessions.loader().isPresent()) {
      String loader = sessions.loader().get().name();
      try (Session session = sessions.ownerIn(staging.name())) {
        session.run(STEP, connection -> staging.admit(connection, loader));
      }
    }
    try (VolumeWatch watch =
        new VolumeWatch(() -> checks.freeBytes(dump), () -> staging.endLoading(ending))) {
      progress
          .trace()
          .part(
              "load",
              _ -> {
                dump.load(watch);
                return dump;
              });
    }
    Loaded loaded = preparation.prepare(owner);
    preparation.handOver(dump);
    return loaded;
  }

  private void dropLoader() throws SQLException {
    if (sessions.loader().isPresent()) {
      sessions.loader().get().drop(ending);
    }
  }

  /**
   * Drops what was created.
   *
   * @return the state afterwards
   */
  private String undo(Exception cause) {
    try {
      staging().drop();
      dropLoader();
      return DROPPED;
    } catch (SQLException | RuntimeException e) {
      cause.addSuppressed(e);
      return Restore.LEFT;
    }
  }

  /** A step knows only its own database. */
  private static boolean isOfNoAccount(Optional<String> state) {
    return state.filter(text -> !text.startsWith("nothing was changed")).isEmpty();
  }
}
