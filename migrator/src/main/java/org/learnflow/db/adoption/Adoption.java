package org.learnflow.db.adoption;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.drift.Catalog;
import org.learnflow.db.drift.CatalogDifference;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.plan.Planner;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.schema.Confinement;
import org.learnflow.db.schema.HistoryProtection;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.Migrator;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.ScratchDatabase;
import org.learnflow.db.schema.Trial;

/** Adopts a database that already has the tables of some version, but no migration history. */
public final class Adoption {
  /** As Flyway creates it. */
  private static final String HISTORY_TABLE =
      """
      CREATE TABLE public.flyway_schema_history (
          installed_rank INT NOT NULL,
          version VARCHAR(50),
          description VARCHAR(200) NOT NULL,
          type VARCHAR(20) NOT NULL,
          script VARCHAR(1000) NOT NULL,
          checksum INTEGER,
          installed_by VARCHAR(100) NOT NULL,
          installed_on TIMESTAMP NOT NULL DEFAULT now(),
          execution_time INTEGER NOT NULL,
          success BOOLEAN NOT NULL);
      ALTER TABLE public.flyway_schema_history
          ADD CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank);
      CREATE INDEX flyway_schema_history_s_idx ON public.flyway_schema_history (success);
      """;

  private static final String HISTORY_ROW =
      """
      INSERT INTO public.flyway_schema_history (installed_rank, version, description, type, script,
          checksum, installed_by, installed_on, execution_time, success)
      VALUES (?, ?, ?, 'SQL', ?, ?, current_user, now() AT TIME ZONE 'UTC', 0, true)
      """;

  /**
   * What is not compared: privileges and schema public are managed by roles, the others by
   * operators, or they are not part of the schema.
   */
  private static final Pattern NOT_COMPARED =
      Pattern.compile(
          "schema public|(grant|default privileges|comment on|security label|setting|ledger"
              + "|publication|subscription|event trigger|language|user mapping) .+");

  private static final String OWNER = "owner ";

  /** A view over the history, so it cannot exist before the history does. */
  private static final String HISTORY_VIEW = "schema_migrations";

  private final MigrationFiles files;
  private final MigrationVersion baseline;
  private final boolean acceptDifferences;
  private final Progress progress;

  /**
   * An adoption.
   *
   * @param files the migrations
   * @param baseline the version that the database is at
   * @param acceptDifferences whether what differs from it is adopted too
   * @throws Failure 2 if that version does not exist
   */
  public Adoption(
      MigrationFiles files,
      MigrationVersion baseline,
      boolean acceptDifferences,
      Progress progress) {
    if (files.files().stream().noneMatch(file -> file.version().equals(baseline))) {
      throw Failure.of(ExitCode.USAGE, "there is no migration " + baseline)
          .where(files.directory().toString())
          .state("nothing was changed")
          .next("use one of: " + versions(files.files()));
    }
    this.files = files;
    this.baseline = baseline;
    this.acceptDifferences = acceptDifferences;
    this.progress = progress;
  }

  /**
   * What was done.
   *
   * @param version that the database is at
   * @param adopted migrations that are recorded as applied; none if they were already
   * @param differences that were adopted too
   */
  public record Report(String version, List<String> adopted, List<String> differences) {}

  /**
   * Compares the database with what the migrations up to the baseline create, and writes the
   * history as if they had been applied, in one transaction.
   *
   * @param connection of the owner in autocommit mode
   * @throws Failure 10 if the database is not what the baseline creates, is empty or has a history
   */
  public Report adopt(Connection connection, Planner.ScratchMaker scratch) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
      SchemaState state = SchemaState.read(connection, files);
      if (state.applied().containsKey(baseline)) {
        state.requireUnchanged();
        return new Report(state.currentText(), List.of(), List.of());
      }
      refuseWithoutForeignTables(connection, state);
      progress.line(
          "adopt", "comparing with what the migrations up to %s create".formatted(baseline));
      Catalog expected = expected(connection, scratch);
      Catalog found = Catalog.read(connection);
      List<CatalogDifference> differences = compare(expected, found);
      refuseDifferences(differences);
      refuseOtherOwners(connection, expected, found);
      write(connection);
      HistoryProtection.apply(connection);
      return new Report(
          baseline.toString(),
          adopted().stream().map(MigrationFile::name).toList(),
          differences.stream().map(CatalogDifference::summary).toList());
    }
  }

  private List<MigrationFile> adopted() {
    return files.files().stream().filter(file -> file.version().compareTo(baseline) <= 0).toList();
  }

  private static String versions(List<MigrationFile> files) {
    return files.stream().map(file -> file.version().toString()).collect(Collectors.joining(", "));
  }

  private static void refuseWithoutForeignTables(Connection connection, SchemaState state)
      throws SQLException {
    if (!state.applied().isEmpty() || !state.failed().isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED, "a migration history already exists, at " + state.currentText())
          .state("nothing was changed")
          .next("apply what is pending: learnflow-db migrate");
    }
    if (!SchemaState.isForeign(connection)) {
      throw Failure.of(ExitCode.REFUSED, "schema public is empty: there is nothing to adopt")
          .state("nothing was changed")
          .next("create everything: learnflow-db run");
    }
  }

  private Catalog expected(Connection connection, Planner.ScratchMaker scratch)
      throws SQLException {
    Trial trial = Trial.of(files.only(adopted()));
    trial
        .leftOut()
        .forEach(one ->
            progress.line(
                "adopt",
                "not tried, because it would reach outside the scratch database: " + one.text()));
    try (ScratchDatabase database = scratch.create(connection);
        Connection session = database.source().getConnection()) {
      Confinement confinement = new Confinement(connection, database.name(), true, progress);
      String what = "applying the migrations to " + database.name();
      try (var _ = Ongoing.begin(progress, "adopt", what)) {
        new Migrator(
                database.source(),
                trial.files(),
                0,
                Progress.SILENT,
                Optional.empty(),
                Optional.of(confinement))
            .migrate(session, Optional.empty());
      } finally {
        confinement.compare();
      }
      return Catalog.read(session);
    }
  }

  /** Owners are compared separately. */
  private static List<CatalogDifference> compare(Catalog expected, Catalog found) {
    List<CatalogDifference> differences = new ArrayList<>();
    TreeSet<String> objects = new TreeSet<>(expected.objects().keySet());
    objects.addAll(found.objects().keySet());
    objects.removeIf(object -> NOT_COMPARED.matcher(object).matches());
    for (String object : objects) {
      String was = withoutOwner(expected.objects().get(object));
      String is = withoutOwner(found.objects().get(object));
      if (!Objects.equals(was, is)) {
        differences.add(new CatalogDifference(object, was, is));
      }
    }
    return CatalogDifference.wholes(differences);
  }

  private static @Nullable String withoutOwner(@Nullable String definition) {
    return definition != null && definition.startsWith(OWNER)
        ? definition.lines().skip(1).collect(Collectors.joining("\n"))
        : definition;
  }

  private void refuseDifferences(List<CatalogDifference> differences) {
    if (differences.isEmpty()) {
      return;
    }
    refuseWithoutHistoryView(differences);
    String list =
        differences.stream()
            .map(CatalogDifference::text)
            .collect(Collectors.joining("\n"))
            .replace("\n", "\n         ");
    if (acceptDifferences) {
      progress.line("adopt", "adopted as they are:\n         " + list);
      return;
    }
    throw Failure.of(
            ExitCode.REFUSED,
            "the database is not what version %s creates, %d %s"
                .formatted(
                    baseline,
                    differences.size(),
                    differences.size() == 1 ? "object differs" : "objects differ"))
        .where(list)
        .state("nothing was changed")
        .next(
            "correct them by hand, or choose another version; --accept adopts them as they are"
                + " (docs/how-to/adopt.md)");
  }

  private void refuseWithoutHistoryView(List<CatalogDifference> differences) {
    if (differences.stream()
        .noneMatch(one -> one.summary().equals("removed view public." + HISTORY_VIEW))) {
      return;
    }
    List<MigrationFile> before =
        adopted().stream().takeWhile(file -> !file.sql().contains(HISTORY_VIEW)).toList();
    throw Failure.of(
            ExitCode.REFUSED,
            "view %s is missing, which cannot exist before the migration history"
                .formatted(HISTORY_VIEW))
        .state("nothing was changed")
        .next(
            before.isEmpty()
                ? "create the tables in an empty database instead: learnflow-db run"
                : "use the version before the migration that creates it: learnflow-db adopt --baseline "
                    + before.getLast().version());
  }

  /** Migrations can change only what the owner owns. */
  private static void refuseOtherOwners(Connection connection, Catalog expected, Catalog found)
      throws SQLException {
    String owner = Sql.value(connection, "SELECT quote_ident(current_user)").orElseThrow();
    List<String> repairs =
        found.objects().entrySet().stream()
            .filter(entry -> expected.objects().containsKey(entry.getKey()))
            .filter(entry -> !entry.getKey().equals("schema public"))
            .filter(entry -> entry.getValue().startsWith(OWNER))
            .filter(
                entry -> !entry.getValue().lines().findFirst().equals(Optional.of(OWNER + owner)))
            .map(entry -> "ALTER %s OWNER TO %s;".formatted(entry.getKey(), owner))
            .toList();
    if (!repairs.isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "%d objects belong to a role other than %s, which cannot change them"
                  .formatted(repairs.size(), owner))
          .state("nothing was changed")
          .next(
              "run this as their owner or an admin, then run this command again:\n         "
                  + String.join("\n         ", repairs));
    }
  }

  private void write(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.execute(HISTORY_TABLE);
      int rank = 0;
      try (PreparedStatement insert = connection.prepareStatement(HISTORY_ROW)) {
        for (MigrationFile file : adopted()) {
          rank++;
          insert.setInt(1, rank);
          insert.setString(2, file.version().toString());
          insert.setString(3, file.description());
          insert.setString(4, file.name());
          insert.setInt(5, file.checksum());
          insert.executeUpdate();
        }
      }
      CatalogLedger.begin(connection);
      CatalogLedger.finish(connection);
      connection.commit();
    } finally {
      if (!connection.isClosed()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    }
  }
}
