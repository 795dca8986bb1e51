package org.learnflow.db.drift;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.AdvisoryLock;

/**
 * What was changed outside migrations since they created it.
 *
 * @param all every object
 */
public record Drift(List<CatalogDifference> all) {
  /** A copy. */
  public Drift {
    all = List.copyOf(all);
  }

  /** The objects worth naming: not the columns of a table that was added, and the like. */
  public List<CatalogDifference> objects() {
    return CatalogDifference.wholes(all);
  }

  /**
   * Such as {@code 2 objects: added index public.x, removed view public.y}; empty without drift.
   */
  public String summary() {
    List<CatalogDifference> objects = objects();
    if (objects.isEmpty()) {
      return "";
    }
    List<String> first = objects.stream().limit(3).map(CatalogDifference::summary).toList();
    int more = objects.size() - first.size();
    return "%d %s: %s%s"
        .formatted(
            objects.size(),
            objects.size() == 1 ? "object" : "objects",
            String.join(", ", first),
            more == 0 ? "" : ", and %d more".formatted(more));
  }

  /**
   * The drift of an object, with what was added or removed with it.
   *
   * @param name as {@code drift} prints it
   * @throws Failure 2 if it is not in the list
   */
  public Drift of(Optional<String> name) {
    List<CatalogDifference> chosen =
        all.stream().filter(one -> name.equals(Optional.of(one.object()))).toList();
    if (name.isPresent() && chosen.isEmpty()) {
      throw Failure.of(ExitCode.USAGE, "--accept does not name an object with drift")
          .state("nothing was changed")
          .next(
              "name an object as learnflow-db drift lists it, such as 'index public.users_name_idx'");
    }
    Wholes wholes = new Wholes(chosen);
    return new Drift(
        all.stream().filter(one -> chosen.contains(one) || wholes.havePart(one)).toList());
  }

  /**
   * Accepts it as expected from now on.
   *
   * @param connection of the owner in autocommit mode
   */
  public void accept(Connection connection, Progress progress) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
      CatalogLedger.finish(connection);
      CatalogLedger.accept(connection, all);
    }
  }
}
