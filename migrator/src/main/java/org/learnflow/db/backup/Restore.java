package org.learnflow.db.backup;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import org.learnflow.db.Confirmation;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.programs.PostgresPrograms;
import org.learnflow.db.programs.ProgramFinder;
import org.learnflow.db.publish.Publisher;
import org.learnflow.db.schema.MigrateStep;
import org.learnflow.db.verify.RecordedRun;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;

/**
 * Replaces the running database by a dump: loads it into the staging database, migrates and
 * verifies it there, and only then swaps the two, atomically. The old database is kept under
 * another name.
 */
public final class Restore {
  private static final String STEP = "restore";
  private static final String DRILL = "drill";

  /** The state if a restore ends before its swap and cannot clean up. */
  static final String LEFT =
      "the database was not changed; the next restore drops what was loaded beside it";

  private final DatabaseAccess access;
  private final MigrateStep migrating;
  private final ProgramFinder programs;
  private final Publisher publisher;
  private final Confirmation confirmation;
  private final Progress progress;

  /**
   * A restore of a database.
   *
   * @param access to the database, which need not exist
   */
  public Restore(
      DatabaseAccess access,
      MigrateStep migrating,
      ProgramFinder programs,
      Publisher publisher,
      Confirmation confirmation,
      Progress progress) {
    this.access = access;
    this.migrating = migrating;
    this.programs = programs;
    this.publisher = publisher;
    this.confirmation = confirmation;
    this.progress = progress;
  }

  /**
   * What is requested.
   *
   * @param replace whether a database with rows may be replaced
   * @param noAcl whether the dump's privileges are left out
   * @param trustDump whether the owner itself loads the dump, instead of a temporary role
   */
  public record Options(boolean replace, boolean noAcl, boolean trustDump) {}

  /**
   * What restore did.
   *
   * @param migrated versions that were applied on top of the dump
   * @param oldDatabase the name that the replaced database has now; empty if there was none
   * @param oldDatabases all databases that restores have kept
   * @param published where, one line
   */
  public record Restored(
      String database,
      String schemaVersion,
      List<String> migrated,
      String oldDatabase,
      List<String> oldDatabases,
      String published) {}

  /**
   * Does it.
   *
   * @throws Failure 1 or 6 if it fails, 10 if it is refused; the running database is unchanged
   *     unless the message says otherwise
   */
  public Restored run(SourceDump source, Options options) {
    RecordedRun recorded = new RecordedRun(STEP, migrating.files());
    try {
      return attempt(source, options, attempt -> attempt.replace(options, recorded));
    } catch (Failure failure) {
      if (failure.code() != ExitCode.REFUSED) {
        noteFailure(failure, connection -> recorded.failed(connection, failure));
      }
      throw failure;
    }
  }

  /**
   * Does all but replacing the database: the staging database is dropped, and the result recorded.
   *
   * @param options {@code replace} has no effect
   * @param volume bytes of the server's volume, if known
   * @throws Failure if the dump cannot be restored, which is recorded too
   */
  public Drill drill(Path file, Options options, OptionalLong volume) {
    long start = System.nanoTime();
    String name = String.valueOf(file.getFileName());
    Loaded loaded;
    try {
      SourceDump source = SourceDump.read(file, migrating.files());
      volume.ifPresent(this::requireRoom);
      loaded = attempt(source, options, attempt -> attempt.tryOut(options));
    } catch (Failure failure) {
      noteFailure(
          failure,
          connection -> {
            Drill.recordFailure(
                connection, name, seconds(start), String.valueOf(failure.getMessage()));
            return true;
          });
      throw failure;
    }
    return tried(name, loaded, seconds(start));
  }

  /** The dump's database is about as large as the running one. */
  private void requireRoom(long volume) {
    try (Session owner = access.ownerSession()) {
      Optional<RestoreChecks.Room> room = inDatabase(owner, RestoreChecks.Room::read);
      room.ifPresent(used -> used.require(volume));
    }
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private Drill tried(String name, Loaded loaded, double seconds) {
    try (Session owner = access.ownerSession()) {
      Optional<Map<String, Long>> now = count(owner);
      Drill drill = Drill.of(name, loaded, seconds, now.orElse(Map.of()));
      drill.empty().forEach(text -> progress.line(DRILL, "warning: " + text));
      if (now.isPresent()) {
        owner.run(
            DRILL,
            connection -> {
              drill.record(connection);
              return true;
            });
      }
      return drill;
    }
  }

  private Optional<Map<String, Long>> count(Session owner) {
    try (var _ = Ongoing.begin(progress, DRILL, "counting the rows of the running database")) {
      return inDatabase(owner, Contents::rows);
    }
  }

  /** What keeps it from being recorded does not hide why the dump could not be restored. */
  private void noteFailure(Failure failure, Session.Step<?> record) {
    if (Set.of(ExitCode.USAGE, ExitCode.NOT_REACHED).contains(failure.code())) {
      return;
    }
    try (Session owner = access.ownerSession()) {
      inDatabase(owner, record);
    } catch (Failure e) {
      failure.addSuppressed(e);
    }
  }

  /** Empty if the database does not exist. */
  private static <T> Optional<T> inDatabase(Session owner, Session.Step<T> work) {
    try {
      return Optional.of(owner.run(DRILL, work));
    } catch (Failure failure) {
      if (failure.code() != ExitCode.NOT_DEPLOYED) {
        throw failure;
      }
      return Optional.empty();
    }
  }

  private <T> T attempt(SourceDump source, Options options, Function<Attempt, T> work) {
    RestoreChecks.requireNotMaintenance(access.target());
    RestoreSessions sessions = RestoreSessions.of(access, options.trustDump());
    try (Session maintenance = sessions.maintenance();
        Session owner = access.ownerSession();
        DumpFile dump = new DumpFile(source.file(), progress, STEP)) {
      int major =
          maintenance.run(STEP, connection -> connection.getMetaData().getDatabaseMajorVersion());
      source.requireServer(major);
      PostgresPrograms loading = programs.forRestore(sessions.staging(), major);
      Set<String> extensions = maintenance.run(STEP, LoadList::extensionsOfAdmins);
      try (DumpLoad load =
          new DumpLoad(dump, loading, sessions.stagingName(), options.noAcl())
              .select(extensions, sessions.loader().isPresent())) {
        load.check(source);
        return work.apply(new Attempt(sessions, maintenance, owner, source, load));
      }
    }
  }

  /** What is done under the lock: two restores on one server run one after the other. */
  private final class Attempt {
    private final RestoreSessions sessions;
    private final Session maintenance;
    private final Session owner;
    private final SourceDump source;
    private final DumpLoad load;

    Attempt(
        RestoreSessions sessions,
        Session maintenance,
        Session owner,
        SourceDump source,
        DumpLoad load) {
      this.sessions = sessions;
      this.maintenance = maintenance;
      this.owner = owner;
      this.source = source;
      this.load = load;
    }

    /** The dump is restored, and dropped. */
    Loaded tryOut(Options options) {
      try (Connection connection = maintenance.source().getConnection();
          var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.RESTORE, progress);
          Connection making = sessions.making(connection);
          Connection ending = sessions.ending()) {
        RestoreChecks checks =
            new RestoreChecks(
                new LiveDatabase(making, sessions.database()), sessions.live(), progress);
        check(checks, options);
        Loaded loaded = load(connection, making, ending, checks, true);
        new StagingDatabase(making, sessions.database(), progress).drop();
        return loaded;
      } catch (SQLException e) {
        throw BackupFailures.failed(STEP, e, LEFT);
      }
    }

    /** The dump takes the place of the running database. */
    Restored replace(Options options, RecordedRun recorded) {
      try (Connection connection = maintenance.source().getConnection();
          var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.RESTORE, progress);
          Connection making = sessions.making(connection);
          Connection ending = sessions.ending()) {
        LiveDatabase live = new LiveDatabase(making, sessions.database());
        RestoreChecks checks = new RestoreChecks(live, sessions.live(), progress);
        checks.requireReplaceable(owner, options.replace());
        check(checks, options);
        confirm(live);
        try (MigrationLock lock = MigrationLock.of(live, owner)) {
          lock.acquire(progress);
          Loaded loaded =
              recorded.step("load", () -> load(connection, making, ending, checks, false));
          Optional<String> before = recorded.step("swap", () -> swap(making, ending));
          progress.line(STEP, "the dump has replaced " + sessions.database());
          try (Session session = sessions.ownerIn(sessions.database())) {
            session.run(STEP, restored -> loaded.settle(restored, progress));
          }
          return conclude(
              loaded, before, new OldDatabases(making, sessions.database()).names(), recorded);
        }
      } catch (SQLException e) {
        throw BackupFailures.failed(STEP, e, LEFT);
      }
    }

    private Loaded load(
        Connection owner,
        Connection making,
        Connection ending,
        RestoreChecks checks,
        boolean counting)
        throws SQLException {
      return new StagingLoad(
              sessions,
              making,
              ending,
              new StagingPreparation(sessions, migrating, counting, progress),
              checks,
              progress)
          .run(load, source.settings(), owner);
    }

    private void check(RestoreChecks checks, Options options) throws SQLException {
      checks.requireService();
      checks.requireSpace(load, source.wantedBytes());
      if (!options.noAcl()) {
        checks.requireRoles(source.roles());
      }
      checks.noteDifference(load.likeness());
      load.leftOut().forEach(text -> progress.line(STEP, "warning: " + text));
    }

    private void confirm(LiveDatabase live) throws SQLException {
      confirmation.confirm(
          live.exists()
              ? """
              Database %s will be replaced by the dump. The old database is kept under another name. Its sessions will be ended at that moment (%d at present).\
              """
                  .formatted(live.name(), live.sessions())
              : "Database %s will be created from the dump.".formatted(live.name()));
    }

    /** If the connection is lost at the moment of the swap, checks whether it took place. */
    private Optional<String> swap(Connection making, Connection ending) throws SQLException {
      String database = sessions.database();
      String what = "ending the sessions in " + database;
      progress.line(STEP, "verified; " + what);
      try (var _ = Ongoing.begin(progress, STEP, what, Swap.MOST)) {
        return progress.trace().part("swap", _ -> new Swap(making, database).run(ending));
      } catch (SQLException e) {
        if (!SqlStates.connectionLost(e)) {
          throw e;
        }
        return maintenance.run(
            STEP,
            connection -> {
              if (LiveDatabase.exists(connection, sessions.stagingName())) {
                throw BackupFailures.failed(STEP, e, LEFT);
              }
              List<String> old = new OldDatabases(connection, database).names();
              return old.isEmpty() ? Optional.empty() : Optional.of(old.getLast());
            });
      }
    }

    private Restored conclude(
        Loaded loaded, Optional<String> before, List<String> old, RecordedRun recorded) {
      if (!old.isEmpty()) {
        progress.line(
            "next",
            "the old database is kept as %s; drop it once you no longer need it: learnflow-db restore"
                    .formatted(String.join(", ", old))
                + " --drop-old");
      }
      return new Restored(
          sessions.database(),
          loaded.schemaVersion(),
          loaded.migrated(),
          before.orElse(""),
          old,
          publish(loaded.schemaVersion(), before, recorded));
    }
  }

  /**
   * A session in the running database, if it exists: migrations that ran meanwhile would be lost.
   */
  private record MigrationLock(Optional<Connection> session) implements AutoCloseable {
    static MigrationLock of(LiveDatabase live, Session owner) throws SQLException {
      return new MigrationLock(
          live.exists() ? Optional.of(owner.source().getConnection()) : Optional.empty());
    }

    @SuppressWarnings("MustBeClosed") // It ends with its session, which the swap ends.
    void acquire(Progress progress) throws SQLException {
      if (session.isPresent()) {
        AdvisoryLock.acquire(session.get(), AdvisoryLock.Purpose.MIGRATE, progress);
      }
    }

    @Override
    public void close() {
      try {
        if (session.isPresent()) {
          session.get().close();
        }
      } catch (SQLException e) {
        // It was ended with the others.
      }
    }
  }

  /** Publishes only a healthy database; what needs privileges could not be checked before. */
  private String publish(String schemaVersion, Optional<String> before, RecordedRun recorded) {
    try (Session session = access.ownerSession()) {
      Verification verification =
          recorded.step(
              "verify", () -> new Verifier(access, migrating.files(), List.of()).verify(session));
      if (!verification.healthy()) {
        throw Failure.of(
                ExitCode.FAILED,
                "the dump has replaced the database, but is " + verification.summary())
            .state(
                "nothing was published"
                    + before
                        .map(name -> "; the old database is kept as database " + name)
                        .orElse(""))
            .next(
                "fix what it reports, and run: learnflow-db run; or switch back, as the owner, while nobody is connected: ALTER DATABASE ... RENAME TO ...; docs/how-to/restore.md");
      }
      String published = recorded.step("publish", () -> publisher.publish(session, schemaVersion));
      progress.line("publish", published);
      recorded.ended(session, Optional.of(verification));
      return published;
    }
  }
}
