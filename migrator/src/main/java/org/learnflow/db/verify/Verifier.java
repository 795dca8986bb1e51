package org.learnflow.db.verify;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.learnflow.db.Ongoing;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.Session;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.HiddenRows;
import org.learnflow.db.postgres.NotRestorable;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.roles.Deviation;
import org.learnflow.db.roles.PasswordReset;
import org.learnflow.db.roles.RightsCheck;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedLedger;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.seed.SeedTable;

/** Checks a database stage by stage; changes nothing. */
public final class Verifier {
  private final DatabaseAccess access;
  private final MigrationFiles migrations;
  private final List<SeedSet> seeds;
  private final boolean requireNewestMinor;

  /**
   * A verifier.
   *
   * @param seeds the sets that must be loaded
   */
  public Verifier(DatabaseAccess access, MigrationFiles migrations, List<SeedSet> seeds) {
    this(access, migrations, seeds, false);
  }

  /**
   * A verifier.
   *
   * @param seeds the sets that must be loaded
   * @param requireNewestMinor whether a PostgreSQL that lacks published fixes is unhealthy
   */
  public Verifier(
      DatabaseAccess access,
      MigrationFiles migrations,
      List<SeedSet> seeds,
      boolean requireNewestMinor) {
    this.access = access;
    this.migrations = migrations;
    this.seeds = List.copyOf(seeds);
    this.requireNewestMinor = requireNewestMinor;
  }

  /**
   * All stages that must pass before anything is published, with the login of the service role.
   *
   * @param owner a session of the owner
   */
  public Verification verify(Session owner) {
    return owner.run("verify", this::verifyDatabase).with(ServiceLogin.look(access));
  }

  /**
   * All stages.
   *
   * @param connection a session of the owner in autocommit mode; it stays in that mode
   */
  private Verification verifyDatabase(Connection connection) throws SQLException {
    return verify(connection, false, true);
  }

  /**
   * The same for a database that can lack what is pending, such as after an upgrade that failed:
   * what the files say about tables and seeds does not apply to it yet. If nothing at all is
   * applied, it is still unhealthy.
   */
  public Verification verifyAsItIs(Connection connection) throws SQLException {
    return verify(connection, true, true);
  }

  /**
   * The stages that check the content of a database, and not privileges: for one that still belongs
   * to another role.
   */
  public Verification verifyContent(Connection connection) throws SQLException {
    return verify(connection, false, false);
  }

  private Verification verify(Connection connection, boolean mayBeBehind, boolean withRights)
      throws SQLException {
    String what = "verifying " + connection.getCatalog();
    try (var _ = Ongoing.begin(access.progress(), "verify", what)) {
      return access
          .progress()
          .trace()
          .part("verify", _ -> look(connection, mayBeBehind, withRights));
    }
  }

  private Verification look(Connection connection, boolean mayBeBehind, boolean withRights)
      throws SQLException {
    List<StageResult> stages = new ArrayList<>();
    stages.add(
        StageResult.good("reachable", connection.getCatalog() + " answers and accepts writes"));
    stages.add(ServerRelease.of(connection).stage(requireNewestMinor));
    stages.addAll(look("space", () -> space(connection)));
    List<StageResult> schema =
        look(
            "migrations",
            () -> {
              SchemaState state = SchemaState.read(connection, migrations);
              StageResult found = migrations(state, mayBeBehind);
              return List.of(found, objects(connection, state, found.warning()));
            });
    stages.addAll(schema);
    boolean behind = schema.stream().anyMatch(StageResult::warning);
    return briefly(
        connection,
        () -> {
          stages.addAll(lookOrNote("collation", () -> CollationVersions.look(connection)));
          stages.addAll(lookOrNote("indexes", () -> InvalidIndexes.look(connection)));
          if (withRights) {
            stages.addAll(lookOrNote("rights", () -> rights(connection, behind)));
            stages.addAll(
                lookOrNote(
                    "connections", () -> ServiceConnections.look(connection, access.target())));
            stages.addAll(lookOrNote("access", () -> access(connection)));
            stages.addAll(
                lookOrNote(
                    "privileges",
                    () ->
                        Privileges.look(
                            connection,
                            access.target().names(),
                            access.target().admin().map(AdminSessions.Credentials::user))));
          }
          stages.addAll(lookOrNote("seeds", () -> List.of(seeds(connection, behind))));
          stages.addAll(lookOrNote("backup", () -> backup(connection)));
          stages.addAll(lookOrNote("drill", () -> drill(connection)));
          stages.addAll(lookOrNote("offsite", () -> offsite(connection)));
          stages.addAll(lookOrNote("restorable", () -> restorable(connection)));
          return new Verification(true, List.copyOf(stages));
        });
  }

  /**
   * What was changed outside migrations: a warning, but not unhealthy, so that an index created in
   * an emergency blocks nothing.
   *
   * @param connection as for {@link #verify}
   */
  public StageResult drift(Connection connection) throws SQLException {
    String name = "drift";
    try {
      return briefly(connection, () -> CatalogLedger.drift(connection))
          .map(drift ->
              drift.all().isEmpty()
                  ? StageResult.good(name, "none")
                  : StageResult.warning(
                      name, drift.summary() + "; see learnflow-db drift and docs/how-to/drift.md"))
          .orElseGet(() ->
              StageResult.good(
                  name, "nothing recorded yet; the next learnflow-db migrate records it"));
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      return StageResult.warning(
          name,
          "could not be checked: %s (SQLSTATE %s)".formatted(e.getMessage(), e.getSQLState()));
    }
  }

  /**
   * The server's certificate, and what clients without TLS get. Not among what is verified before
   * each publication, since asking takes more connections.
   */
  public List<StageResult> encryption(Session owner) {
    List<StageResult> stages = new ArrayList<>();
    stages.addAll(
        owner.run("verify", connection -> look("tls", () -> TlsState.look(connection, access))));
    stages.addAll(TlsState.plainText(access));
    return stages;
  }

  /** Reports something only if something is wrong. */
  private static List<StageResult> space(Connection connection) throws SQLException {
    return Space.problem(connection).map(why -> StageResult.broken("space", why)).stream().toList();
  }

  /** Reports something only if a backup was made. */
  private static List<StageResult> backup(Connection connection) throws SQLException {
    return LastBackup.read(connection)
        .map(backup -> StageResult.good("backup", backup.text()))
        .stream()
        .toList();
  }

  /** Reports something only if a dump was restored beside the database, or could not be. */
  private static List<StageResult> drill(Connection connection) throws SQLException {
    return LastDrill.read(connection).map(LastDrill::stage).stream().toList();
  }

  /** Reports something only if dumps were copied to a bucket, or could not be. */
  private static List<StageResult> offsite(Connection connection) throws SQLException {
    return LastOffsiteCopy.read(connection).map(LastOffsiteCopy::stage).stream().toList();
  }

  /** Reports something only if a dump could not be restored. */
  private static List<StageResult> restorable(Connection connection) throws SQLException {
    List<String> breaking = NotRestorable.breaking(connection);
    return breaking.isEmpty()
        ? List.of()
        : List.of(
            StageResult.warning(
                "restorable",
                "a dump of this database cannot be restored: "
                    + String.join("; ", breaking.stream().limit(5).toList())
                    + (breaking.size() > 5 ? "; and %d more".formatted(breaking.size() - 5) : "")));
  }

  /** Checks one or more stages. */
  @FunctionalInterface
  private interface Look {
    List<StageResult> stages() throws SQLException;
  }

  /** Asks something of the server. */
  @FunctionalInterface
  private interface Question<T> {
    T ask() throws SQLException;
  }

  /**
   * Waits only briefly for a lock, whatever --lock-timeout says: less time than the server takes to
   * look for a deadlock.
   */
  private static <T> T briefly(Connection connection, Question<T> question) throws SQLException {
    Sql.execute(connection, "SET lock_timeout = '500ms'");
    try {
      return question.ask();
    } finally {
      if (!connection.isClosed()) {
        Sql.execute(connection, "RESET lock_timeout");
      }
    }
  }

  /**
   * What other sessions keep from being checked is a warning; nothing is wrong with the database.
   */
  private static List<StageResult> lookOrNote(String name, Look look) throws SQLException {
    return look(
        name,
        () -> {
          try {
            return look.stages();
          } catch (SQLException e) {
            return List.of(unseen(name, e).orElseThrow(() -> e));
          }
        });
  }

  private static Optional<StageResult> unseen(String name, SQLException e) {
    if (SqlStates.lockProblem(e)) {
      return Optional.of(
          StageResult.warning(
              name,
              "not checked, because another session locks a table (SQLSTATE %s); verify again when it has ended"
                  .formatted(e.getSQLState())));
    }
    return SqlStates.TEMP_FILE_LIMIT.equals(SqlStates.endedBySetting(e).orElse(""))
        ? Optional.of(
            StageResult.warning(
                name,
                "not checked, because it needs temporary files, which temp_file_limit forbids; as a superuser: ALTER ROLE ... RESET temp_file_limit, or ALTER DATABASE ..."))
        : Optional.empty();
  }

  /** What the server refuses to show is a finding too. */
  private static List<StageResult> look(String name, Look look) throws SQLException {
    try {
      return look.stages();
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      return List.of(
          StageResult.broken(name, "%s (SQLSTATE %s)".formatted(e.getMessage(), e.getSQLState())));
    }
  }

  private static StageResult migrations(SchemaState state, boolean mayBeBehind) {
    String name = "migrations";
    if (!state.differences().isEmpty()) {
      return StageResult.broken(name, state.differences().getFirst().what());
    }
    if (!state.failed().isEmpty()) {
      return StageResult.broken(
          name, state.failed().getFirst().script() + " failed and was not repeated");
    }
    if (!state.pending().isEmpty()) {
      String behind =
          "at %s, %d pending: %s"
              .formatted(
                  state.currentText(),
                  state.pending().size(),
                  String.join(
                      ", ", state.pending().stream().limit(5).map(MigrationFile::name).toList()));
      return mayBeBehind && !state.applied().isEmpty()
          ? StageResult.warning(name, behind)
          : StageResult.broken(name, behind);
    }
    String note =
        state.newer().isEmpty()
            ? ""
            : ", newer than these files (%d more applied)".formatted(state.newer().size());
    return StageResult.good(
        name, "%d applied, at %s%s".formatted(state.applied().size(), state.currentText(), note));
  }

  private StageResult objects(Connection connection, SchemaState state, boolean behind)
      throws SQLException {
    String name = "objects";
    Optional<ExpectedObjects> expected = ExpectedObjects.in(migrations.directory());
    if (expected.isEmpty() || !state.newer().isEmpty() || migrations.cut() || behind) {
      int present = ExpectedObjects.present(connection).size();
      return StageResult.good(
          name,
          "%d tables and views; not compared, because %s"
              .formatted(
                  present,
                  expected.isEmpty()
                      ? "the migrations have no " + ExpectedObjects.FILE
                      : migrations.cut()
                          ? ExpectedObjects.FILE + " describes the newest migration"
                          : behind ? "the database is older" : "the database is newer"));
    }
    List<String> missing = expected.get().missing(connection);
    return missing.isEmpty()
        ? StageResult.good(name, expected.get().lines().size() + " tables and views present")
        : StageResult.broken(name, "missing: " + String.join(", ", missing));
  }

  private List<StageResult> rights(Connection connection, boolean behind) throws SQLException {
    String name = "rights";
    RoleNames names = access.target().names();
    for (String role :
        Stream.concat(Stream.of(names.owner()), names.serviceRoles().stream()).toList()) {
      if (!roleExists(connection, role)) {
        return List.of(StageResult.broken(name, "role " + role + " does not exist"));
      }
    }
    List<Deviation> deviations =
        RightsCheck.deviations(connection, names, access.target().server());
    if (!deviations.isEmpty()) {
      Deviation first = deviations.getFirst();
      String more = deviations.size() == 1 ? "" : " (and %d more)".formatted(deviations.size() - 1);
      return List.of(
          StageResult.broken(
              name, "%s%s; repair as an admin: %s;".formatted(first.what(), more, first.sql())));
    }
    // Pending migrations may create it.
    List<String> unknown = behind ? List.of() : RightsCheck.unknown(connection, names);
    if (!unknown.isEmpty()) {
      return List.of(
          StageResult.broken(
              name,
              "services.csv gives rights on what does not exist: %s; next: correct or remove these lines in migrations/services.csv"
                  .formatted(String.join(", ", unknown))));
    }
    List<StageResult> may = new ArrayList<>();
    for (ServiceStatements.Outcome outcome :
        ServiceStatements.plan(connection, names.owner(), names.current())) {
      ServiceRole service = outcome.service();
      if (outcome.refusal().isPresent()) {
        return List.of(
            StageResult.broken(
                name,
                "%s lacks a privilege: %s".formatted(service.title(), outcome.refusal().get())));
      }
      may.add(
          rights(
              "%s can run %d statements on rows, and nothing else"
                  .formatted(service.title(), outcome.planned()),
              outcome.locked()));
    }
    return List.copyOf(may);
  }

  private static StageResult rights(String may, List<String> locked) {
    return locked.isEmpty()
        ? StageResult.good("rights", may)
        : StageResult.warning(
            "rights",
            "%s; not checked, because locked by another session: %s%s"
                .formatted(
                    may,
                    String.join(", ", locked.stream().limit(5).toList()),
                    locked.size() > 5 ? " and %d more".formatted(locked.size() - 5) : ""));
  }

  /** Reports something only if something is wrong. */
  private static List<StageResult> access(Connection connection) throws SQLException {
    return PasswordReset.isRuleLeft(connection)
        ? List.of(
            StageResult.broken(
                "access",
                "pg_hba.conf still has the rule of an interrupted credentials repair; next: run"
                    + " learnflow-db credentials repair again"))
        : List.of();
  }

  private static boolean roleExists(Connection connection, String role) throws SQLException {
    return exists(connection, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = ?)", role);
  }

  /** What is missing may depend on pending migrations. */
  private StageResult seeds(Connection connection, boolean behind) throws SQLException {
    StageResult found = seeds(connection);
    return behind && !found.ok() ? StageResult.warning(found.name(), found.detail()) : found;
  }

  private StageResult seeds(Connection connection) throws SQLException {
    String name = "seeds";
    if (seeds.isEmpty()) {
      return StageResult.good(name, "none requested");
    }
    Map<String, SeedLedger.Entry> ledger = SeedLedger.read(connection);
    List<String> loaded = new ArrayList<>();
    for (SeedSet set : seeds) {
      SeedLedger.Entry entry = ledger.get(set.name());
      if (entry == null) {
        return StageResult.broken(name, set.name() + " is not loaded");
      }
      for (Path file : set.files()) {
        Optional<String> table = SeedTable.of(file);
        if (table.isPresent() && !hasRows(connection, table.get())) {
          return StageResult.broken(
              name, "%s was loaded, but table %s is empty".formatted(set.name(), table.get()));
        }
      }
      loaded.add(
          entry.checksum().equals(set.checksum())
              ? set.name()
              : set.name() + " (loaded from other files)");
    }
    return StageResult.good(name, String.join(", ", loaded));
  }

  private static boolean hasRows(Connection connection, String table) throws SQLException {
    Optional<String> name = SeedTable.quotedName(connection, table);
    if (name.isEmpty()) {
      return false;
    }
    if (HiddenRows.hides(connection, name.get())) {
      return true; // there may be some
    }
    return Sql.isTrue(connection, "SELECT EXISTS (SELECT FROM " + name.get() + ")");
  }

  private static boolean exists(Connection connection, String query, String parameter)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(query)) {
      statement.setString(1, parameter);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }
}
