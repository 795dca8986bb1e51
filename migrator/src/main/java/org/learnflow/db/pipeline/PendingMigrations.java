package org.learnflow.db.pipeline;

import java.util.List;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.StateSchema;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;

/** Which migrations a database that has data is waiting for, asked before it is dumped. */
public record PendingMigrations(
    DatabaseAccess access, MigrationFiles migrations, Progress progress) {
  /**
   * Creates what roles are missing, and the tables in which the dump is recorded.
   *
   * @return names of files; none where nothing is applied yet
   */
  public List<String> read() {
    try (Session session = access.ownerSession()) {
      new RolesStep(access, progress).run(session);
      return session.run(
          "pending",
          connection -> {
            SchemaState state = SchemaState.read(connection, migrations);
            state.requireUnchanged();
            if (state.applied().isEmpty() || state.pending().isEmpty()) {
              return List.of();
            }
            try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
              StateSchema.ensure(connection);
            }
            return state.pending().stream().map(MigrationFile::name).toList();
          });
    }
  }
}
