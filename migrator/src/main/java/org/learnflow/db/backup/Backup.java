package org.learnflow.db.backup;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.Version;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.HiddenRows;
import org.learnflow.db.postgres.NotRestorable;
import org.learnflow.db.postgres.RunLedger;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.StateSchema;
import org.learnflow.db.programs.PostgresPrograms;
import org.learnflow.db.programs.ProgramFinder;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;

/** Creates dumps, for every command that needs one. */
public final class Backup {
  private static final String STEP = "backup";
  private static final String NOTHING_APPLIED = "none";

  private final ProgramFinder programs;
  private final MigrationFiles migrations;
  private final DatabaseAccess access;
  private final Progress progress;

  /** Dumps of a database. */
  public Backup(
      ProgramFinder programs, MigrationFiles migrations, DatabaseAccess access, Progress progress) {
    this.programs = programs;
    this.migrations = migrations;
    this.access = access;
    this.progress = progress;
  }

  /**
   * Dumps a database into a file, which is complete in the end or does not exist.
   *
   * @param session of the owner
   * @param replace whether an existing file is replaced
   */
  public BackupDescription make(Target target, Session session, Path file, boolean replace) {
    return make(target, session, file, replace, Keeping.in(file));
  }

  /** What is done with a dump before it counts. */
  @FunctionalInterface
  public interface Keeping {
    /** Nothing: it stays in its file. */
    static Keeping in(Path file) {
      return _ -> String.valueOf(file.getFileName());
    }

    /**
     * Does it.
     *
     * @return the name that is recorded
     */
    String keep(BackupDescription description);
  }

  /** The same of a dump that counts only once it was taken somewhere else. */
  public BackupDescription make(
      Target target, Session session, Path file, boolean replace, Keeping keeping) {
    DumpWriter writer = new DumpWriter(file, progress);
    writer.check(replace);
    DatabaseFacts facts = session.run(STEP, DatabaseFacts::read);
    String schema =
        session.run(STEP, connection -> SchemaState.read(connection, migrations).currentText());
    List<String> options = new ArrayList<>(excluded(session, target));
    List<HiddenRows.Table> hiding = session.run(STEP, Backup::hiding);
    List<String> hidden =
        hiding.stream()
            .filter(table -> table.by() == HiddenRows.By.POLICIES)
            .map(HiddenRows.Table::name)
            .toList();
    noteDrift(session, CatalogLedger::noteDrift);
    BackupDescription description;
    try {
      if (hidden.isEmpty()) {
        if (!hiding.isEmpty()) {
          options.add("--enable-row-security");
        }
        description = dump(writer, target, facts, schema, options, () -> same(session, hiding));
      } else {
        description =
            access
                .admin()
                .map(admin -> dumpAsRole(writer, target, facts, schema, options, hidden, admin))
                .orElseThrow(() -> refused(target, hidden));
      }
    } finally {
      noteDrift(session, CatalogLedger::forgetNote);
    }
    String name = keeping.keep(description);
    if (!schema.equals(NOTHING_APPLIED)) {
      session.run(
          STEP,
          connection -> {
            try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
              enter(connection, name, description);
            }
            return description;
          });
    }
    return description;
  }

  /**
   * Reports what a restore would leave out or fail on.
   *
   * @return options of pg_dump for what is left out here
   */
  private List<String> excluded(Session session, Target target) {
    List<NotRestorable> found = session.run(STEP, NotRestorable::in);
    List<NotRestorable> refused =
        found.stream().filter(one -> one.effect() == NotRestorable.Effect.REFUSED).toList();
    if (!refused.isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "%s cannot read %s, and a dump without it would be incomplete"
                  .formatted(
                      target.owner().user(),
                      refused.stream().map(NotRestorable::name).collect(Collectors.joining(", "))))
          .state("no dump was created, and nothing was changed")
          .next(
              "as its owner or an admin: "
                  + refused.stream().map(NotRestorable::text).collect(Collectors.joining(" ")));
    }
    List<String> options = new ArrayList<>();
    for (NotRestorable one : found) {
      progress.line(STEP, "warning: " + one.text());
      if (one.effect() == NotRestorable.Effect.EXCLUDED_SCHEMA) {
        options.add("--exclude-schema=" + one.name());
      } else if (one.effect() == NotRestorable.Effect.EXCLUDED_TABLE) {
        options.add("--exclude-table=" + one.name());
      }
    }
    return options;
  }

  /** The tables from which pg_dump copies rows. */
  private static List<HiddenRows.Table> hiding(Connection connection) throws SQLException {
    return HiddenRows.in(connection).stream()
        .filter(table -> !table.partitioned() && table.by() != HiddenRows.By.RIGHTS)
        .toList();
  }

  private BackupDescription dump(
      DumpWriter writer,
      Target target,
      DatabaseFacts facts,
      String schema,
      List<String> options,
      Runnable afterwards) {
    PostgresPrograms dumping = programs.forDump(target, PostgresPrograms.major(facts.server()));
    PostgresPrograms reading =
        programs.forReading(
            target, dumping, PostgresPrograms.major(dumping.version(PostgresPrograms.PG_DUMP)));
    return progress
        .trace()
        .part(
            "dump",
            _ ->
                writer.make(
                    dumping, reading, facts, schema, Version.number(), options, afterwards));
  }

  /** A dump through policies is complete only if they did not change meanwhile. */
  private static void same(Session session, List<HiddenRows.Table> before) {
    if (!session.run(STEP, Backup::hiding).equals(before)) {
      throw Failure.of(
              ExitCode.FAILED,
              "row level security policies changed while the dump was being created, so it may lack rows")
          .next("run the same command again");
    }
  }

  private BackupDescription dumpAsRole(
      DumpWriter writer,
      Target target,
      DatabaseFacts facts,
      String schema,
      List<String> options,
      List<String> hidden,
      AdminSessions admin) {
    String owner = target.owner().user();
    ShortLivedRole role = ShortLivedRole.of(ShortLivedRole.Work.DUMPING, target.owner().database());
    progress.line(
        STEP,
        "%s; dumping as the temporary role %s"
            .formatted(HiddenRows.what(hidden, owner), role.name()));
    try (Session maintenance = admin.maintenance();
        Connection connection = maintenance.run(STEP, _ -> maintenance.source().getConnection());
        var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.BACKUP, progress)) {
      try {
        role.make(connection, owner);
      } catch (SQLException e) {
        if (SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
          throw refused(target, hidden)
              .what(
                  "%s, and the admin cannot create a role that sees them: %s"
                      .formatted(HiddenRows.what(hidden, owner), e.getMessage()));
        }
        throw e;
      }
      try {
        Target dumper =
            target.side(target.owner().database(), role.name(), Optional.of(role.password()));
        return dump(writer, dumper, facts, schema, options, () -> {});
      } finally {
        role.drop(connection);
      }
    } catch (SQLException e) {
      throw BackupFailures.failed(STEP, e, "nothing was changed");
    }
  }

  private static Failure refused(Target target, List<String> hidden) {
    String owner = target.owner().user();
    return Failure.of(
            ExitCode.REFUSED,
            HiddenRows.what(hidden, owner) + ", and a dump without them would be incomplete")
        .state("no dump was created, and nothing was changed")
        .next(
            "give admin credentials (--admin-user, --admin-password-file) that can create a role with BYPASSRLS; or let the owner see them all, in a migration: %s docs/how-to/backup.md"
                .formatted(HiddenRows.policies(hidden, owner)));
  }

  /** What it reads or writes. */
  @FunctionalInterface
  private interface Note {
    void write(Connection connection) throws SQLException;
  }

  /** A dump is valid without it, too, for example if the database is read-only or locked. */
  private void noteDrift(Session session, Note note) {
    session.run(
        STEP,
        connection -> {
          try {
            note.write(connection);
          } catch (SQLException e) {
            if (SqlStates.connectionLost(e)) {
              throw e;
            }
            progress.line(STEP, "drift is not recorded in the dump: " + e.getMessage());
          }
          return true;
        });
  }

  /** Records a complete dump in the database. */
  private static void enter(Connection connection, String name, BackupDescription description)
      throws SQLException {
    StateSchema.ensure(connection);
    try (PreparedStatement insert =
        connection.prepareStatement(
            """
            INSERT INTO learnflow_db.backups (kind, name, bytes, sha256, schema_version)
            VALUES ('file', ?, ?, ?, ?)
            """)) {
      insert.setString(1, name);
      insert.setLong(2, description.bytes());
      insert.setString(3, description.sha256());
      insert.setString(4, description.schemaVersion());
      insert.executeUpdate();
    }
    RunLedger.tell(connection);
  }
}
