package org.learnflow.db.offsite;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.backup.ReleaseDump;
import org.learnflow.db.connect.Session;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.RunLedger;
import org.learnflow.db.postgres.StateSchema;

/**
 * Copies the dumps that a release made to a bucket. A copy counts once it was read back and is
 * recorded in the database; what is not recorded there is never removed from the bucket, so that a
 * new database cannot remove the dumps of the one that was lost.
 */
public final class OffsiteCopies {
  private static final String STEP = "offsite";

  private final Path folder;
  private final ObjectUri to;
  private final int keep;
  private final Progress progress;

  /**
   * Copies of what is in {@code folder}.
   *
   * @param to a folder of the bucket
   * @param keep how many of each kind are kept there; 0: nothing is removed
   */
  public OffsiteCopies(Path folder, ObjectUri to, int keep, Progress progress) {
    this.folder = folder;
    this.to = to;
    this.keep = keep;
    this.progress = progress;
  }

  /**
   * What was done.
   *
   * @param copied objects that were written
   * @param removed objects that were removed
   * @param kept number of copies there are
   */
  public record Result(List<String> copied, List<String> removed, int kept) {
    /** One line. */
    public String text() {
      return "%d copied, %d removed, %d there".formatted(copied.size(), removed.size(), kept);
    }
  }

  private record Copy(ReleaseDump dump, ObjectUri uri, long bytes) {}

  /**
   * Copies what is not there yet, the newest first, and removes the copies that are too many.
   *
   * @param session of the owner
   * @throws Failure of the store, or if a dump is damaged; the others were copied then
   */
  public Result run(DumpStore store, Session session) {
    try {
      return session.run(STEP, connection -> run(store, connection));
    } catch (Failure e) {
      try {
        session.run(STEP, connection -> recordFailure(connection, e.what()));
      } catch (Failure unrecorded) {
        e.addSuppressed(unrecorded);
      }
      throw e;
    }
  }

  private Result run(DumpStore store, Connection connection) throws SQLException {
    StateSchema.ensure(connection);
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.OFFSITE, progress)) {
      Set<ReleaseDump> recorded = present(connection, store.list(to));
      List<String> copied = new ArrayList<>();
      Optional<Failure> damaged = Optional.empty();
      for (ReleaseDump dump : dumps()) {
        if (recorded.contains(dump)) {
          continue;
        }
        ObjectUri uri = to.resolve(store.stored(dump.name()));
        Path file = folder.resolve(dump.name());
        try {
          String sha256 = sha256(connection, dump.name()).orElseGet(() -> DumpStore.sha256(file));
          long bytes = store.put(file, sha256, uri, true);
          record(connection, dump.name(), uri.toString(), bytes, "");
          copied.add(uri.toString());
        } catch (Failure e) {
          if (!Files.exists(file)) {
            continue; // a newer dump has taken its place meanwhile
          }
          if (e.code() != ExitCode.REFUSED) {
            throw e;
          }
          damaged = damaged.or(() -> Optional.of(e));
        }
      }
      List<String> removed = removeOld(store, connection);
      store.removeAbandoned(to);
      if (damaged.isPresent()) {
        throw damaged.get();
      }
      removeFailures(connection);
      RunLedger.tell(connection);
      return new Result(copied, removed, copies(connection).size());
    }
  }

  /** The newest of each kind, as many as are kept, the newest first. */
  private List<ReleaseDump> dumps() {
    return ReleaseDump.in(folder).stream()
        .collect(Collectors.groupingBy(ReleaseDump::kind))
        .values()
        .stream()
        .flatMap(kind -> kind.stream().limit(keep == 0 ? Long.MAX_VALUE : keep))
        .sorted(ReleaseDump.NEWEST_FIRST)
        .toList();
  }

  private List<String> removeOld(DumpStore store, Connection connection) throws SQLException {
    List<String> removed = new ArrayList<>();
    if (keep == 0) {
      return removed;
    }
    Map<String, List<Copy>> kinds =
        copies(connection).stream().collect(Collectors.groupingBy(copy -> copy.dump().kind()));
    for (List<Copy> kind : kinds.values()) {
      for (Copy old : kind.subList(Math.min(keep, kind.size()), kind.size())) {
        try {
          store.remove(old.uri());
        } catch (Failure e) {
          progress.line(STEP, "warning: " + e.what());
          return removed;
        }
        forget(connection, old);
        removed.add(old.uri().toString());
        progress.line(STEP, "removed " + old.uri());
      }
    }
    return removed;
  }

  /**
   * Whose copies are there; those are forgotten that others removed, such as the bucket's rules.
   */
  private Set<ReleaseDump> present(Connection connection, Map<String, Long> there)
      throws SQLException {
    Set<ReleaseDump> present = new HashSet<>();
    for (Copy copy : copies(connection)) {
      if (Long.valueOf(copy.bytes()).equals(there.get(copy.uri().key()))) {
        present.add(copy.dump());
      } else {
        forget(connection, copy);
      }
    }
    return present;
  }

  /**
   * Those in this folder of the bucket, the newest first. What a row says beyond the object's name
   * and size is not believed: the database's owner could otherwise have dumps removed.
   */
  private List<Copy> copies(Connection connection) throws SQLException {
    List<Copy> copies = new ArrayList<>();
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT DISTINCT ON (uri) uri, bytes FROM learnflow_db.offsite_copies
            WHERE failure = '' AND starts_with(uri, ?) ORDER BY uri, id DESC
            """)) {
      query.setString(1, to.toString());
      try (ResultSet row = query.executeQuery()) {
        while (row.next()) {
          String name = row.getString(1).substring(to.toString().length());
          String dump = AgeKeys.plain(name);
          long bytes = row.getLong(2);
          ReleaseDump.named(dump)
              .ifPresent(known -> copies.add(new Copy(known, to.resolve(name), bytes)));
        }
      }
    }
    copies.sort(Comparator.comparing(Copy::dump, ReleaseDump.NEWEST_FIRST));
    return copies;
  }

  /** What it was made with, if that is recorded. */
  private static Optional<String> sha256(Connection connection, String dump) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(
            "SELECT sha256 FROM learnflow_db.backups WHERE name = ? ORDER BY id DESC LIMIT 1")) {
      query.setString(1, dump);
      try (ResultSet row = query.executeQuery()) {
        return row.next() ? Optional.of(row.getString(1)) : Optional.empty();
      }
    }
  }

  private static void forget(Connection connection, Copy copy) throws SQLException {
    try (PreparedStatement delete =
        connection.prepareStatement("DELETE FROM learnflow_db.offsite_copies WHERE uri = ?")) {
      delete.setString(1, copy.uri().toString());
      delete.executeUpdate();
    }
  }

  private static void record(
      Connection connection, String dump, String uri, long bytes, String failure)
      throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement(
            """
            INSERT INTO learnflow_db.offsite_copies (dump, uri, bytes, failure)
            VALUES (?, ?, ?, ?)
            """)) {
      insert.setString(1, dump);
      insert.setString(2, uri);
      insert.setLong(3, bytes);
      insert.setString(4, failure);
      insert.executeUpdate();
    }
    RunLedger.tell(connection);
  }

  private boolean recordFailure(Connection connection, String why) throws SQLException {
    StateSchema.ensure(connection);
    removeFailures(connection);
    record(connection, "", to.toString(), 0, why);
    return true;
  }

  private static void removeFailures(Connection connection) throws SQLException {
    try (PreparedStatement delete =
        connection.prepareStatement(
            "DELETE FROM learnflow_db.offsite_copies WHERE failure <> ''")) {
      delete.executeUpdate();
    }
  }
}
