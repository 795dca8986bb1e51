package org.learnflow.db.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.backup.ArchiveHeader;
import org.learnflow.db.backup.BackupDescription;
import org.learnflow.db.backup.Contents;
import org.learnflow.db.backup.DatabaseSetting;
import org.learnflow.db.backup.DumpFile;
import org.learnflow.db.backup.HandOver;
import org.learnflow.db.backup.LargeObjectOwners;
import org.learnflow.db.backup.LoadList;
import org.learnflow.db.backup.LoadingRole;
import org.learnflow.db.backup.Swap;
import org.learnflow.db.backup.VolumeWatch;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.DatabaseLikeness;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.SqlText;
import org.learnflow.db.programs.PostgresPrograms;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.schema.Confinement;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.MigrationReport;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.Trial;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Puts a dump in the database's place. */
@Command(
    name = "restore",
    description =
        "Loads FILE into a side database, migrates and verifies it, and only then puts it in the"
            + " database's place, at one moment; the old database stays under another name. Asks"
            + " first.")
final class RestoreCommand extends BaseCommand {
  private static final String STEP = "restore";

  private static final String LEFT =
      "the database is as it was; what was loaded beside it, the next restore drops";

  /** Indexes are built beside the rows, and write-ahead log comes on top. */
  private static final double ROOM_FACTOR = 1.3;

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private MigrateOptions migrating = new MigrateOptions();
  @Mixin private ProgramsOptions programs = new ProgramsOptions();
  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  @Parameters(
      arity = "0..1",
      paramLabel = "FILE",
      description = "A dump in pg_dump's custom format, such as backup makes.")
  private @Nullable Path file;

  @Option(names = "--replace", description = "Also where the database has rows already.")
  private boolean replace;

  @Option(
      names = "--no-acl",
      description =
          "Leave out the rights that the dump holds, for where it names roles that this server has"
              + " not; owner and services get theirs anyway.")
  private boolean noAcl;

  @Option(
      names = "--trust-dump",
      description =
          "Load the dump as the owner itself: for where there are no admin credentials, with which a"
              + " role of its own is made for that. Whatever code is in the dump then runs with the"
              + " owner's rights, on the live database too.")
  private boolean trustDump;

  @Option(
      names = "--drop-old",
      description = "Drop the databases that earlier restores put aside; without FILE.")
  private boolean dropOld;

  /**
   * What restore did.
   *
   * @param migrated versions that were applied on top of the dump
   * @param oldDatabase where the rows are now that were there before; empty if there were none
   * @param oldDatabases all that restores have put aside
   */
  record Restored(
      String database,
      String schemaVersion,
      List<String> migrated,
      String oldDatabase,
      List<String> oldDatabases,
      String published) {}

  /** What --drop-old did. */
  record Dropped(List<String> dropped) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    MigrationFiles migrations = files.migrations();
    if (dropOld == (file != null)) {
      throw refused(
              ExitCode.USAGE,
              dropOld ? "FILE and --drop-old exclude each other" : "no file is named")
          .next("learnflow-db restore FILE, or learnflow-db restore --drop-old");
    }
    if (file == null) {
      return dropOld(database.access(cluster(), false, progress), progress);
    }
    ArchiveHeader header = ArchiveHeader.read(file);
    Optional<BackupDescription> description = BackupDescription.beside(file);
    description.ifPresent(known -> requireKnownSchema(known, migrations));
    DatabaseAccess access = database.access(cluster(), false, progress);
    Target target = access.target();
    requireNotMaintenance(target);
    Optional<LoadingRole> loader = trustDump ? Optional.empty() : Optional.of(loader(target));
    Context context = new Context(loader, access, migrations, progress);
    try (Session maintenance = context.access.ownerIn(DatabaseAddress.MAINTENANCE_DATABASE);
        Session owner = context.access.ownerSession();
        DumpFile dump = new DumpFile(file, progress, STEP)) {
      int major =
          maintenance.run(STEP, connection -> connection.getMetaData().getDatabaseMajorVersion());
      requireServer(header, major);
      PostgresPrograms loading =
          programs.finder(database.release(cluster()), cluster()).forRestore(context.side(), major);
      Set<String> extensions = maintenance.run(STEP, LoadList::extensionsOfAdmins);
      try (Destination destination = destination(context, dump, loading, extensions)) {
        check(destination, dump, file, loading, description);
        return locked(context, maintenance, owner, dump, loading, destination, description);
      }
    }
  }

  private static void requireNotMaintenance(Target target) {
    if (target.owner().database().equals(DatabaseAddress.MAINTENANCE_DATABASE)) {
      throw refused(
              ExitCode.REFUSED,
              "database postgres cannot be replaced: databases are renamed from within it")
          .next("load the dump by pg_restore: docs/restore.md; or name another database");
    }
  }

  private static LoadingRole loader(Target target) {
    if (target.admin().isEmpty()) {
      throw refused(
              ExitCode.REFUSED,
              "a dump is loaded as a role made for it, which an admin has to make, and there are no"
                  + " admin credentials")
          .next(
              "give them: --admin-user, --admin-password-file; or, where you trust whoever had the dump"
                  + " in hands, load it as the owner: --trust-dump");
    }
    return LoadingRole.of(target.owner().database());
  }

  /**
   * What all steps need.
   *
   * @param loader as which the dump is loaded; nothing where the owner does it
   */
  private record Context(
      Optional<LoadingRole> loader,
      DatabaseAccess access,
      MigrationFiles migrations,
      ConsoleProgress progress) {
    Target target() {
      return access.target();
    }

    String database() {
      return target().owner().database();
    }

    /** The side database, as whoever loads it. */
    Target side() {
      return target()
          .side(
              Swap.side(database()),
              loader.map(LoadingRole::name).orElse(target().owner().user()),
              loader.map(LoadingRole::password).or(target()::password));
    }
  }

  private static Failure refused(ExitCode code, String what) {
    return Failure.of(code, what).state("nothing was changed");
  }

  private static void requireKnownSchema(BackupDescription description, MigrationFiles migrations) {
    boolean newer =
        description.schemaVersion().matches("\\d+([._]\\d+)*")
            && migrations
                .newest()
                .map(newest ->
                    MigrationVersion.fromVersion(description.schemaVersion()).compareTo(newest) > 0)
                .orElse(true);
    if (newer) {
      throw newerSchema(description.schemaVersion(), migrations)
          .next(
              "use the version that made the dump: %s, or newer".formatted(description.program()));
    }
  }

  private static Failure newerSchema(String version, MigrationFiles migrations) {
    return refused(
            ExitCode.REFUSED,
            "the dump's schema %s is newer than these migrations, which end at %s"
                .formatted(version, migrations.newest().map(Object::toString).orElse("none")))
        .where(migrations.directory().toString())
        .next("use the version of learnflow-db that made the dump, or a newer one");
  }

  private static void requireServer(ArchiveHeader header, int major) {
    if (PostgresPrograms.major(header.server()) > major) {
      throw refused(
              ExitCode.REFUSED,
              "the dump comes from PostgreSQL %s, and this server is older: version %d"
                  .formatted(header.server(), major))
          .next(
              "restore it on a server of version %d or newer"
                  .formatted(PostgresPrograms.major(header.server())));
    }
  }

  /**
   * Where and how the dump is loaded.
   *
   * @param defaultPrivileges in the dump, which only the owner can make; a statement each
   * @param list what is loaded, for pg_restore
   * @param leftOut of the dump, a sentence each
   * @param largeObjects whose they are in the dump
   * @param dumped how the database encodes and sorts that the dump was made of, if it says so
   */
  private record Destination(
      DumpFile.Destination dump,
      List<String> defaultPrivileges,
      Optional<PostgresPrograms.PlacedFile> list,
      List<String> leftOut,
      LargeObjectOwners largeObjects,
      Optional<DatabaseLikeness> dumped)
      implements AutoCloseable {
    @Override
    public void close() {
      list.ifPresent(PostgresPrograms.PlacedFile::close);
    }
  }

  private Destination destination(
      Context context, DumpFile dump, PostgresPrograms loading, Set<String> extensions) {
    String side = Swap.side(context.database());
    // Of what is asked for, only the database itself is there.
    Optional<DatabaseLikeness> dumped =
        dump.print(loading, "--create", "--schema-only", "--table=: none of them", "--file=-")
            .flatMap(DatabaseLikeness::inDump);
    List<String> options = new ArrayList<>();
    if (noAcl) {
      options.add("--no-privileges");
    }
    Optional<String> list = dump.print(loading, "--list");
    if (list.isEmpty()) {
      return new Destination(
          new DumpFile.Destination(side, options),
          List.of(),
          Optional.empty(),
          List.of(),
          new LargeObjectOwners(Map.of()),
          dumped);
    }
    String definitions = dump.print(loading, "--section=post-data", "--file=-").orElse("");
    boolean byLoader = context.loader.isPresent();
    LoadList loaded = LoadList.of(list.get(), definitions, extensions, !byLoader);
    LargeObjectOwners largeObjects = largeObjects(dump, loading, side, list.get());
    PostgresPrograms.PlacedFile placed = place(loading, side, loaded.text());
    options.add("--use-list=" + placed.path());
    return new Destination(
        new DumpFile.Destination(side, options),
        byLoader && !noAcl ? HandOver.defaultPrivileges(definitions) : List.of(),
        Optional.of(placed),
        loaded.leftOut(),
        largeObjects,
        dumped);
  }

  private static LargeObjectOwners largeObjects(
      DumpFile dump, PostgresPrograms loading, String side, String list) {
    String entries = LargeObjectOwners.entries(list);
    if (entries.isBlank()) {
      return new LargeObjectOwners(Map.of());
    }
    try (PostgresPrograms.PlacedFile placed = place(loading, side, entries)) {
      return LargeObjectOwners.in(
          dump.print(loading, "--use-list=" + placed.path(), "--file=-").orElse(""));
    }
  }

  private static PostgresPrograms.PlacedFile place(
      PostgresPrograms loading, String side, String list) {
    try {
      return loading.place(
          side.replaceAll("\\W", "_") + ".list", list.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw refused(
              ExitCode.FAILED,
              "the list of what is to be loaded cannot be written: " + Reason.of(e))
          .where(loading.place())
          .next("make room there, and run the same command again");
    }
  }

  /** Damage is found before anything is made on the server. */
  private static void check(
      Destination destination,
      DumpFile dump,
      Path path,
      PostgresPrograms loading,
      Optional<BackupDescription> description) {
    String sha256 =
        isRoomForBoth(path, loading, description)
            ? dump.readAndKeep(loading, destination.dump())
            : dump.readWhole(loading);
    if (description.filter(known -> !known.sha256().equals(sha256)).isPresent()) {
      throw refused(
              ExitCode.REFUSED,
              "the dump is not the one that was made: its SHA-256 is not that of %s"
                  .formatted(BackupDescription.path(path)))
          .where(path.toString())
          .next("take another copy of both files, or another dump: docs/restore.md");
    }
  }

  /** Whether the server's disk surely has room for the dump, too. */
  private static boolean isRoomForBoth(
      Path path, PostgresPrograms loading, Optional<BackupDescription> description) {
    return description.isPresent()
        && loading.freeBytes().orElse(0) > wanted(description.get()) + path.toFile().length();
  }

  /** Two restores on one server come one after the other. */
  private ExitCode locked(
      Context context,
      Session maintenance,
      Session owner,
      DumpFile dump,
      PostgresPrograms loading,
      Destination destination,
      Optional<BackupDescription> description) {
    try (Connection connection = maintenance.source().getConnection();
        var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.RESTORE, context.progress);
        Connection making = maker(context, connection);
        Connection ending = ender(context, maintenance)) {
      Swap swap = new Swap(making, context.database(), context.progress);
      requireService(context, swap);
      requireReplaceable(swap, owner);
      requireSpace(context, loading, description);
      if (!noAcl) {
        requireRoles(swap, description);
      }
      tellDifference(context, swap, destination.dumped());
      destination.leftOut().forEach(text -> context.progress.line(STEP, "warning: " + text));
      confirm(context, swap);
      Optional<Connection> old =
          swap.exists() ? Optional.of(owner.source().getConnection()) : Optional.empty();
      try {
        lockMigrations(old, context.progress);
        Loaded loaded =
            load(context, swap, connection, ending, dump, loading, destination, description);
        Optional<String> before = swap(context, swap, ending, maintenance);
        context.progress.line(STEP, "the dump is in place of " + context.database());
        inPlace(context, loaded);
        return conclude(context, swap, loaded, before);
      } finally {
        if (old.isPresent()) {
          closeQuietly(old.get());
        }
      }
    } catch (SQLException e) {
      throw failed(e);
    }
  }

  private static Failure failed(SQLException e) {
    return Failure.of(ExitCode.FAILED, "restore failed: " + e.getMessage())
        .where("SQLSTATE " + e.getSQLState())
        .state(LEFT)
        .next("correct what the server says and run the same command again")
        .causedBy(e);
  }

  private static void closeQuietly(Connection connection) {
    try {
      connection.close();
    } catch (SQLException e) {
      // It was ended with the others.
    }
  }

  /** The owner, if it may make databases where this one is, else the admin. */
  private static Connection maker(Context context, Connection owner) throws SQLException {
    List<Boolean> may =
        CatalogQuery.rows(
            owner,
            """
            SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user
              AND NOT EXISTS (SELECT FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
                              WHERE d.datname = %s AND t.spcname <> 'pg_default'
                                AND NOT has_tablespace_privilege(t.oid, 'CREATE'))
            """
                .formatted(SqlText.literal(context.database())),
            row -> row.getBoolean(1));
    if (may.contains(true)) {
      return context.access.ownerIn(DatabaseAddress.MAINTENANCE_DATABASE).source().getConnection();
    }
    return context
        .access
        .admin()
        .orElseThrow(() ->
            refused(
                    ExitCode.REFUSED,
                    "%s may not make databases, which restore needs for the side database"
                        .formatted(context.target().owner().user()))
                .next(
                    "as the admin: ALTER ROLE %s CREATEDB; or give admin credentials: --admin-user,"
                            .formatted(context.target().owner().user())
                        + " --admin-password-file"))
        .maintenance()
        .source()
        .getConnection();
  }

  /** The admin may end everybody's sessions, the owner its own and those of the services. */
  private static Connection ender(Context context, Session maintenance) throws SQLException {
    return context
        .access
        .admin()
        .map(AdminSessions::maintenance)
        .orElse(maintenance)
        .source()
        .getConnection();
  }

  private void requireReplaceable(Swap swap, Session owner) throws SQLException {
    if (!swap.exists()) {
      return;
    }
    if (swap.preparedTransactions() > 0) {
      throw refused(
              ExitCode.REFUSED,
              "prepared transactions are left in the database, which cannot be renamed then")
          .next(
              "end them: SELECT gid, prepared, owner FROM pg_prepared_xacts; ROLLBACK PREPARED ...");
    }
    Optional<String> held = owner.run(STEP, Contents::whyNotEmpty);
    if (held.isPresent() && !replace) {
      throw refused(ExitCode.REFUSED, held.get())
          .next(
              "back it up (learnflow-db backup FILE), and run the same command with --replace, which"
                  + " puts the database aside under another name");
    }
  }

  private static void requireSpace(
      Context context, PostgresPrograms loading, Optional<BackupDescription> description) {
    OptionalLong free = freeBytes(context, loading);
    if (free.isEmpty() || description.isEmpty()) {
      context.progress.line(
          STEP,
          "whether the server's disk has room for another database, this program cannot know here");
      return;
    }
    long wanted = wanted(description.get());
    if (free.getAsLong() < wanted) {
      throw refused(
              ExitCode.REFUSED,
              "the server's disk has %d MiB free, and the dump wants about %d MiB beside what is"
                      .formatted(free.getAsLong() >> 20, wanted >> 20)
                  + " there")
          .where(loading.place())
          .next(
              "make room, such as by learnflow-db restore --drop-old; or grow the volume:"
                  + " docs/volume.md");
    }
  }

  private static OptionalLong freeBytes(Context context, PostgresPrograms loading) {
    OptionalLong there = loading.freeBytes();
    return there.isPresent() ? there : context.target().hosting().freeBytes();
  }

  /** Bytes of the side database, about. */
  private static long wanted(BackupDescription description) {
    return (long) (description.databaseBytes() * ROOM_FACTOR);
  }

  /** It gets its rights when the dump is loaded. */
  private static void requireService(Context context, Swap swap) throws SQLException {
    String service = context.target().names().service();
    if (!swap.missingRoles(List.of(service)).isEmpty()) {
      throw refused(
              ExitCode.REFUSED,
              "this server has no role %s, as which the services connect".formatted(service))
          .next(
              "make it: learnflow-db roles, with admin credentials; then run the same command again");
    }
  }

  private static void requireRoles(Swap swap, Optional<BackupDescription> description)
      throws SQLException {
    if (description.isEmpty()) {
      return;
    }
    List<String> missing = swap.missingRoles(description.get().roles());
    if (!missing.isEmpty()) {
      throw refused(
              ExitCode.REFUSED,
              "the dump gives rights to roles that this server has not: "
                  + String.join(", ", missing))
          .next("make them: CREATE ROLE ...; or leave these rights away: --no-acl");
    }
  }

  /**
   * Text sorts as the database does that is there, with all its indexes; PostgreSQL does not tell.
   */
  private static void tellDifference(Context context, Swap swap, Optional<DatabaseLikeness> dumped)
      throws SQLException {
    Optional<DatabaseLikeness> here = swap.likeness();
    if (dumped.isPresent() && here.isPresent() && !dumped.equals(here)) {
      context.progress.line(
          STEP,
          "warning: the dump was made of a database with %s; %s has %s, and keeps it: text may sort and compare otherwise than it did. To have it as in the dump, rename the database first (as the admin, while nobody is connected: ALTER DATABASE %s RENAME TO ...), and run the same command again"
              .formatted(
                  dumped.get().clause(),
                  context.database(),
                  here.get().clause(),
                  SqlText.identifier(context.database())));
    }
  }

  private void confirm(Context context, Swap swap) throws SQLException {
    confirmation.confirm(
        swap.exists()
            ? """
            Database %s is replaced by the dump; as it is at the end, it stays under another name. \
            At that moment its sessions are ended, %d at present.\
            """
                .formatted(context.database(), swap.sessions())
            : "Database %s is made from the dump.".formatted(context.database()));
  }

  /** Whoever migrates the old database meanwhile would lose what it does. */
  @SuppressWarnings("MustBeClosed") // It ends with its session, which the swap ends.
  private static void lockMigrations(Optional<Connection> old, ConsoleProgress progress)
      throws SQLException {
    if (old.isPresent()) {
      AdvisoryLock.acquire(old.get(), AdvisoryLock.Purpose.MIGRATE, progress);
    }
  }

  /**
   * What was loaded.
   *
   * @param once statements for once it is in its place
   * @param later statements of migrations that concern the whole server, for the same moment
   * @param recorded whether the dump knew what to expect on a server of this version
   */
  private record Loaded(
      String schemaVersion,
      List<String> migrated,
      List<String> once,
      List<Trial.LeftOut> later,
      boolean recorded) {}

  /**
   * Fills the side database.
   *
   * @param owner a session of the owner in the maintenance database
   */
  private Loaded load(
      Context context,
      Swap swap,
      Connection owner,
      Connection ending,
      DumpFile dump,
      PostgresPrograms loading,
      Destination destination,
      Optional<BackupDescription> description)
      throws SQLException {
    dropLeftover(context, swap);
    List<DatabaseSetting> settings =
        swap.exists()
            ? swap.settings()
            : description.map(BackupDescription::settings).orElse(List.of());
    String ownerName = context.target().owner().user();
    if (context.loader.isPresent()) {
      context.loader.get().make(ending, ownerName);
    }
    makeSide(swap, ownerName, destination.dumped());
    try {
      letIn(context, swap);
      load(context, swap, ending, dump, loading, destination);
      Loaded loaded = prepare(context, owner);
      finish(context, destination);
      swap.set(owner, settings);
      swap.labelAsBefore();
      swap.grantAsBefore();
      if (context.loader.isPresent()) {
        context.loader.get().drop(ending);
      }
      return loaded;
    } catch (SQLException | RuntimeException e) {
      String state = "the database is as it was; the side database was dropped";
      try {
        swap.drop(swap.side());
        if (context.loader.isPresent()) {
          context.loader.get().drop(ending);
        }
      } catch (SQLException | RuntimeException again) {
        e.addSuppressed(again);
        state = LEFT;
      }
      if (e instanceof Failure failure && (state.equals(LEFT) || isOfNoAccount(failure.state()))) {
        throw failure.state(state);
      }
      throw e;
    }
  }

  private static void makeSide(Swap swap, String owner, Optional<DatabaseLikeness> dumped)
      throws SQLException {
    try {
      swap.makeSide(owner, dumped);
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      throw Failure.of(ExitCode.FAILED, "the side database could not be made: " + e.getMessage())
          .where("SQLSTATE " + e.getSQLState())
          .state("the database is as it was")
          .next(
              swap.exists()
                  ? "correct what the server says and run the same command again"
                  : "correct what the server says; or make the database as you want it (learnflow-db"
                      + " roles) and run the same command again: text then sorts as it does there")
          .causedBy(e);
    }
  }

  /** A step knows of its own database only. */
  private static boolean isOfNoAccount(Optional<String> state) {
    return state.filter(text -> !text.startsWith("nothing was changed")).isEmpty();
  }

  private static void letIn(Context context, Swap swap) {
    if (context.loader.isPresent()) {
      try (Session session = context.access.ownerIn(swap.side())) {
        session.run(
            STEP,
            connection -> {
              swap.letIn(connection, context.loader.get().name());
              return true;
            });
      }
    }
  }

  private static void load(
      Context context,
      Swap swap,
      Connection ending,
      DumpFile dump,
      PostgresPrograms loading,
      Destination destination) {
    try (VolumeWatch watch =
        new VolumeWatch(() -> freeBytes(context, loading), () -> swap.endLoading(ending))) {
      PostgresPrograms.Ended ended = dump.load(loading, destination.dump());
      watch.check();
      if (ended.exitCode() != 0) {
        throw destination.leftOut().isEmpty()
            ? notLoaded(ended)
            : notLoaded(ended)
                .next(
                    "if it needs what was left out (see the warnings), load the dump as an admin: docs/restore.md; else correct what it says and run the same command again");
      }
    }
  }

  private static Failure notLoaded(PostgresPrograms.Ended ended) {
    Failure failure =
        Failure.of(ExitCode.FAILED, "the dump could not be loaded: " + ended.reason())
            .state("the database is as it was; the side database was dropped");
    // With a full disk PostgreSQL does not always get to tell why it could not write.
    if (ended
        .errors()
        .matches("(?s).*(No space left on device|could not (write|extend)[^\\n]* file).*")) {
      return failure.next("make room on the server's disk and run the same command again");
    }
    return ended.errors().matches("(?s).*role \".*\" does not exist.*")
        ? failure.next("make that role: CREATE ROLE ...; or leave such rights away: --no-acl")
        : failure.next(ended.remedy() + " and run the same command again");
  }

  /** A killed restore has left it; nothing else may be dropped. */
  private void dropLeftover(Context context, Swap swap) throws SQLException {
    String side = swap.side();
    if (!swap.exists(side)) {
      return;
    }
    String owner = context.target().owner().user();
    if (!swap.isLeftover(side, owner)) {
      throw refused(
              ExitCode.REFUSED, "there is a database %s that restore has not made".formatted(side))
          .next("rename it: ALTER DATABASE %s RENAME TO ...".formatted(SqlText.identifier(side)));
    }
    context.progress.line(STEP, "dropping %s, which a killed restore has left".formatted(side));
    swap.drop(side);
  }

  /**
   * Migrations, statistics, verification, all as whoever has loaded it.
   *
   * @param owner a session of the owner in the maintenance database
   */
  private Loaded prepare(Context context, Connection owner) {
    Target side = context.side();
    Trial trial = Trial.of(context.migrations);
    DatabaseAccess access = context.access.with(side);
    try (Session session = access.ownerSession()) {
      SchemaState state =
          session.run(STEP, connection -> SchemaState.read(connection, context.migrations));
      if (!state.newer().isEmpty()) {
        throw newerSchema(state.currentText(), context.migrations);
      }
      state.requireUnchanged();
      boolean recorded = session.run(STEP, CatalogLedger::isRecorded);
      MigrationReport migrated = migrate(context, access, session, trial, owner);
      session.run(
          STEP,
          connection -> {
            try (Statement statement = connection.createStatement()) {
              return statement.execute("ANALYZE");
            }
          });
      Verification verification =
          session.run(STEP, new Verifier(access, context.migrations, List.of())::verifyContent);
      if (!verification.healthy()) {
        verification.stages().forEach(stage -> context.progress.line("verify", stage.line()));
        throw Failure.of(ExitCode.FAILED, "the dump was loaded, but is " + verification.summary())
            .state("the database is as it was; the side database was dropped")
            .next("correct what it says and run the same command again");
      }
      List<String> once =
          context.loader.isEmpty()
              ? List.of()
              : session.run(
                  STEP,
                  connection -> {
                    HandOver.rename(
                        connection, side.owner().user(), context.target().owner().user());
                    return HandOver.keepAutovacuumAway(connection);
                  });
      List<String> versions =
          migrated.applied().stream().map(MigrationReport.Applied::version).toList();
      return new Loaded(
          migrated.to(),
          versions,
          once,
          trial.leftOut().stream()
              .filter(one -> versions.contains(one.file().version().toString()))
              .toList(),
          recorded);
    }
  }

  /** What concerns the whole server waits until the database is in its place. */
  private MigrationReport migrate(
      Context context, DatabaseAccess access, Session session, Trial trial, Connection owner) {
    Confinement confinement =
        new Confinement(owner, Swap.side(context.database()), false, context.progress);
    try {
      MigrationReport report =
          migrating
              .step(trial.files(), context.progress)
              .run(
                  session,
                  RoleManager.of(access.target(), context.progress),
                  Optional.of(confinement));
      session.run(
          STEP,
          connection -> {
            trial.correctHistory(connection);
            return true;
          });
      return report;
    } catch (Failure failure) {
      if (context.loader.isEmpty() || failure.code() != ExitCode.MIGRATION_FAILED) {
        throw failure;
      }
      throw failure.next(
          failure.next().map(next -> next + "; ").orElse("")
              + "where it needs to run as the owner, and you trust the dump: --trust-dump");
    }
  }

  /** Gives all to the owner, and it and the services their rights. Runs nothing of the dump's. */
  private void finish(Context context, Destination destination) {
    Target target = context.target();
    String owner = target.owner().user();
    RoleManager roles =
        new RoleManager(target.names(), Swap.side(context.database()), context.progress);
    try (Session session = context.access.ownerIn(Swap.side(context.database()))) {
      if (context.loader.isPresent()) {
        session.run(
            STEP,
            connection -> {
              new HandOver(connection, context.loader.get().name(), owner, context.progress)
                  .run(destination.defaultPrivileges());
              return true;
            });
      }
      session.run(
          STEP,
          connection -> {
            destination.largeObjects().giveBack(connection, context.progress);
            return true;
          });
      session.run(STEP, roles::ensureRights);
    }
  }

  private static void inPlace(Context context, Loaded loaded) {
    try (Session session = context.access.ownerIn(context.database())) {
      session.run(
          STEP,
          connection -> {
            try (Statement statement = connection.createStatement()) {
              for (String sql : loaded.once()) {
                statement.execute(sql);
              }
              for (Trial.LeftOut one : loaded.later()) {
                catchUp(statement, one, context.progress);
              }
            }
            // What was recorded while it was loaded lacks what the owner was given since.
            if (loaded.recorded()) {
              CatalogLedger.settleRestored(connection, context.progress);
            } else {
              CatalogLedger.takeAsExpected(connection, context.progress);
            }
            return true;
          });
    }
  }

  /** The database is in its place: what fails now is told, and stays to be done. */
  private static void catchUp(Statement statement, Trial.LeftOut one, ConsoleProgress progress)
      throws SQLException {
    try {
      statement.execute(one.sql());
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      progress.line(
          STEP,
          "warning: %s was refused (%s); if it is still needed, run it by hand, as the owner or an admin"
              .formatted(one.text(), e.getMessage()));
    }
  }

  /** A connection that is lost at the very moment of the swap leaves a question, which is asked. */
  private static Optional<String> swap(
      Context context, Swap swap, Connection ending, Session maintenance) throws SQLException {
    context.progress.line(STEP, "verified; ending the sessions in " + context.database());
    try {
      return swap.swap(ending);
    } catch (SQLException e) {
      if (!SqlStates.connectionLost(e)) {
        throw e;
      }
      return maintenance.run(
          STEP,
          connection -> {
            Swap again = new Swap(connection, context.database(), context.progress);
            if (again.exists(again.side())) {
              throw failed(e);
            }
            return again.old().isEmpty() ? Optional.empty() : Optional.of(again.old().getLast());
          });
    }
  }

  private ExitCode conclude(Context context, Swap swap, Loaded loaded, Optional<String> before)
      throws SQLException {
    List<String> old = swap.old();
    if (!old.isEmpty()) {
      context.progress.line(
          "next",
          "what was there before is in %s; drop it once it is not needed: learnflow-db restore"
                  .formatted(String.join(", ", old))
              + " --drop-old");
    }
    String published = publish(context, loaded, before);
    print(
        "restored: %s at schema %s".formatted(context.database(), loaded.schemaVersion()),
        new Restored(
            context.database(),
            loaded.schemaVersion(),
            loaded.migrated(),
            before.orElse(""),
            old,
            published));
    return ExitCode.OK;
  }

  /** Only what is healthy is published; what needs rights could not be looked at before. */
  private String publish(Context context, Loaded loaded, Optional<String> before) {
    try (Session session = context.access.ownerSession()) {
      Verification verification =
          new Verifier(context.access, context.migrations, List.of()).verify(session);
      if (!verification.healthy()) {
        throw Failure.of(
                ExitCode.FAILED,
                "the dump is in the database's place, but is " + verification.summary())
            .state(
                "nothing was published"
                    + before
                        .map(name -> "; what was there before is in database " + name)
                        .orElse(""))
            .next(
                "correct what it says, and run: learnflow-db run; or go back, as the owner, while"
                    + " nobody is connected: ALTER DATABASE ... RENAME TO ...; docs/restore.md");
      }
      String published =
          publishing
              .publisher(context.access, database, cluster(), context.progress)
              .publish(session, loaded.schemaVersion());
      context.progress.line("publish", published);
      return published;
    }
  }

  private ExitCode dropOld(DatabaseAccess access, ConsoleProgress progress) {
    Context context = new Context(Optional.empty(), access, files.migrations(), progress);
    try (Session maintenance = context.access.ownerIn(DatabaseAddress.MAINTENANCE_DATABASE);
        Connection connection = maintenance.run(STEP, _ -> maintenance.source().getConnection());
        var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.RESTORE, progress)) {
      Swap swap = new Swap(connection, context.database(), progress);
      List<String> old = swap.old();
      if (!old.isEmpty()) {
        for (String name : old) {
          swap.requireDroppable(name);
          for (String slot : swap.slots(name)) {
            progress.line(
                STEP,
                "warning: replication slot %s of %s is dropped with it: whoever reads from it has to begin anew"
                    .formatted(slot, name));
          }
        }
        confirmation.confirm(
            "%s and all in it is gone for good then."
                .formatted("Database " + String.join(", database ", old)));
        for (String name : old) {
          swap.drop(name);
          progress.line(STEP, "dropped " + name);
        }
      }
      print(
          old.isEmpty() ? "nothing to drop" : "dropped: " + String.join(", ", old),
          new Dropped(old));
      return ExitCode.OK;
    } catch (SQLException e) {
      throw failed(e);
    }
  }
}
