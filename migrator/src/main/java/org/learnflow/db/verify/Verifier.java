package org.learnflow.db.verify;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.HiddenRows;
import org.learnflow.db.postgres.NotRestorable;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.SqlText;
import org.learnflow.db.roles.Deviation;
import org.learnflow.db.roles.PasswordReset;
import org.learnflow.db.roles.RightsCheck;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedLedger;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.seed.SeedTable;

/** Looks at a database stage by stage; changes nothing. */
public final class Verifier {
  private final DatabaseAccess access;
  private final MigrationFiles migrations;
  private final List<SeedSet> seeds;

  /**
   * A verifier.
   *
   * @param seeds the sets that must be loaded
   */
  public Verifier(DatabaseAccess access, MigrationFiles migrations, List<SeedSet> seeds) {
    this.access = access;
    this.migrations = migrations;
    this.seeds = List.copyOf(seeds);
  }

  /**
   * All stages of what must hold before anything is published, with the services' login.
   *
   * @param owner a session of the owner
   */
  public Verification verify(Session owner) {
    return owner
        .run("verify", this::verifyDatabase)
        .with(ServiceLogin.look(access).stream().toList());
  }

  /**
   * All stages.
   *
   * @param connection a session of the owner in autocommit mode, and so it is left
   */
  private Verification verifyDatabase(Connection connection) throws SQLException {
    return verify(connection, false, true);
  }

  /**
   * The same for a database that need not have what is pending, such as after an upgrade that
   * failed: then what the files say about tables and seeds is not true of it yet. Where nothing at
   * all is applied, it is as unhealthy as ever.
   */
  public Verification verifyAsItIs(Connection connection) throws SQLException {
    return verify(connection, true, true);
  }

  /**
   * The stages that tell of what is in a database, and not of who may what: for one that belongs to
   * somebody else still.
   */
  public Verification verifyContent(Connection connection) throws SQLException {
    return verify(connection, false, false);
  }

  private Verification verify(Connection connection, boolean mayBeBehind, boolean withRights)
      throws SQLException {
    List<StageResult> stages = new ArrayList<>();
    DatabaseMetaData server = connection.getMetaData();
    stages.add(
        StageResult.good("reachable", connection.getCatalog() + " answers and takes writes"));
    stages.add(StageResult.good("version", "PostgreSQL " + server.getDatabaseProductVersion()));
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
            stages.addAll(lookOrNote("rights", () -> List.of(rights(connection))));
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
          stages.addAll(lookOrNote("restorable", () -> restorable(connection)));
          return new Verification(true, List.copyOf(stages));
        });
  }

  /**
   * What was changed outside migrations: worth a look, but no reason to be unhealthy, so that an
   * index made in an emergency blocks nothing.
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
                  name, "nothing recorded yet; the next learnflow-db migrate does it"));
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      return StageResult.warning(
          name,
          "could not be looked for: %s (SQLSTATE %s)".formatted(e.getMessage(), e.getSQLState()));
    }
  }

  /** Says something only where something is wrong. */
  private static List<StageResult> space(Connection connection) throws SQLException {
    return Space.problem(connection).map(why -> StageResult.broken("space", why)).stream().toList();
  }

  /** Says something only where one was made. */
  private static List<StageResult> backup(Connection connection) throws SQLException {
    return LastBackup.read(connection)
        .map(backup -> StageResult.good("backup", backup.text()))
        .stream()
        .toList();
  }

  /** Says something only where a dump could not be loaded. */
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

  /** Looks at one or more stages. */
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
   * Waits for no lock longer than a moment, whatever --lock-timeout says: less than it takes the
   * server to look for a deadlock.
   */
  private static <T> T briefly(Connection connection, Question<T> question) throws SQLException {
    SqlText.execute(connection, "SET lock_timeout = '500ms'");
    try {
      return question.ask();
    } finally {
      if (!connection.isClosed()) {
        SqlText.execute(connection, "RESET lock_timeout");
      }
    }
  }

  /** What others keep from being looked at is a note, and nothing is wrong with the database. */
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
              "not looked at, since a table is locked by another session (SQLSTATE %s); verify again once it has ended"
                  .formatted(e.getSQLState())));
    }
    return SqlStates.TEMP_FILE_LIMIT.equals(SqlStates.endedBySetting(e).orElse(""))
        ? Optional.of(
            StageResult.warning(
                name,
                "not looked at, since it needs temporary files, which temp_file_limit forbids; as a superuser: ALTER ROLE ... RESET temp_file_limit, or ALTER DATABASE ..."))
        : Optional.empty();
  }

  /** What the server refuses to tell is a finding too. */
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
          "%d tables and views; not compared, since %s"
              .formatted(
                  present,
                  expected.isEmpty()
                      ? "the migrations have no " + ExpectedObjects.FILE
                      : migrations.cut()
                          ? ExpectedObjects.FILE + " is that of the newest migration"
                          : behind ? "the database is older" : "the database is newer"));
    }
    List<String> missing = expected.get().missing(connection);
    return missing.isEmpty()
        ? StageResult.good(name, expected.get().lines().size() + " tables and views present")
        : StageResult.broken(name, "missing: " + String.join(", ", missing));
  }

  private StageResult rights(Connection connection) throws SQLException {
    String name = "rights";
    for (String role :
        List.of(access.target().names().owner(), access.target().names().service())) {
      if (!roleExists(connection, role)) {
        return StageResult.broken(name, "there is no role " + role);
      }
    }
    List<Deviation> deviations =
        RightsCheck.deviations(connection, access.target().names(), access.target().server());
    if (!deviations.isEmpty()) {
      Deviation first = deviations.getFirst();
      String more = deviations.size() == 1 ? "" : " (and %d more)".formatted(deviations.size() - 1);
      return StageResult.broken(
          name, "%s%s; repair as admin: %s;".formatted(first.what(), more, first.sql()));
    }
    ServiceStatements.Outcome outcome = ServiceStatements.plan(connection, access.target().names());
    return outcome
        .refusal()
        .map(refusal ->
            StageResult.broken(
                name, "%s is refused: %s".formatted(access.target().names().service(), refusal)))
        .orElseGet(() -> rights(outcome));
  }

  private StageResult rights(ServiceStatements.Outcome outcome) {
    String may =
        "%s may run %d statements on rows, and nothing else"
            .formatted(access.target().names().service(), outcome.planned());
    List<String> locked = outcome.locked();
    return locked.isEmpty()
        ? StageResult.good("rights", may)
        : StageResult.warning(
            "rights",
            "%s; not looked at, since locked by another session: %s%s"
                .formatted(
                    may,
                    String.join(", ", locked.stream().limit(5).toList()),
                    locked.size() > 5 ? " and %d more".formatted(locked.size() - 5) : ""));
  }

  /** Says something only where something is wrong. */
  private static List<StageResult> access(Connection connection) throws SQLException {
    return PasswordReset.isRuleLeft(connection)
        ? List.of(
            StageResult.broken(
                "access",
                "pg_hba.conf still has the rule of an interrupted credentials repair; next: run"
                    + " learnflow-db credentials repair once more"))
        : List.of();
  }

  private static boolean roleExists(Connection connection, String role) throws SQLException {
    return exists(connection, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = ?)", role);
  }

  /** What is missing may depend on what is pending. */
  private StageResult seeds(Connection connection, boolean behind) throws SQLException {
    StageResult found = seeds(connection);
    return behind && !found.ok() ? StageResult.warning(found.name(), found.detail()) : found;
  }

  private StageResult seeds(Connection connection) throws SQLException {
    String name = "seeds";
    if (seeds.isEmpty()) {
      return StageResult.good(name, "none asked for");
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
              : set.name() + " (as of other files)");
    }
    return StageResult.good(name, String.join(", ", loaded));
  }

  private static boolean hasRows(Connection connection, String table) throws SQLException {
    Optional<String> name = SeedTable.quotedName(connection, table);
    if (name.isEmpty()) {
      return false;
    }
    if (HiddenRows.hides(connection, name.get())) {
      return true; // they may be there
    }
    try (PreparedStatement statement =
            connection.prepareStatement("SELECT EXISTS (SELECT FROM " + name.get() + ")");
        ResultSet row = statement.executeQuery()) {
      return row.next() && row.getBoolean(1);
    }
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
