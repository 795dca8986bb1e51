package org.learnflow.db.pipeline;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.publish.Publisher;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.schema.MigrateStep;
import org.learnflow.db.schema.MigrationReport;
import org.learnflow.db.seed.SeedReport;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.seed.SeedStep;
import org.learnflow.db.verify.RecordedRun;
import org.learnflow.db.verify.ServiceRoutes;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;

/**
 * Roles, migrate, seed, verify and, if the database is healthy, publish.
 *
 * @param requireNewestMinor whether a PostgreSQL that lacks published fixes is unhealthy
 */
public record Pipeline(
    DatabaseAccess access,
    MigrateStep migrating,
    SeedStep seeding,
    List<SeedSet> sets,
    boolean requireNewestMinor,
    Publisher publisher,
    Progress progress) {

  /**
   * What was done.
   *
   * @param roles one line per change
   * @param published empty if the database is not healthy
   * @param seconds that each step took; the first one waits for the server
   */
  public record Outcome(
      List<String> roles,
      MigrationReport migrated,
      List<SeedReport> seeded,
      Verification verification,
      String published,
      Map<String, Double> seconds) {
    /** Whether everything was already up to date. */
    public boolean nothingDone() {
      return roles.isEmpty()
          && migrated.applied().isEmpty()
          && seeded.stream().noneMatch(SeedReport::loaded)
          && !published.endsWith("written");
    }
  }

  /** Does what is left to do, in the owner's session, and records it. */
  public Outcome run(Session owner) {
    return run(owner, () -> roles(owner));
  }

  /**
   * The same.
   *
   * @param roles the first step
   */
  Outcome run(Session owner, Supplier<List<String>> roles) {
    RecordedRun recorded = new RecordedRun("run", migrating.files());
    return recorded.in(
        owner, () -> steps(owner, roles, recorded), outcome -> Optional.of(outcome.verification()));
  }

  /** The first step. */
  List<String> roles(Session owner) {
    return new RolesStep(access, progress).run(owner);
  }

  private Outcome steps(Session owner, Supplier<List<String>> first, RecordedRun recorded) {
    List<String> roles = recorded.step("roles", first::get);
    MigrationReport migrated =
        recorded.step(
            "migrate", () -> migrating.run(owner, RoleManager.of(access.target(), progress)));
    List<SeedReport> seeded = recorded.step("seed", () -> seeding.run(owner, sets));
    Verification verification = recorded.step("verify", () -> verifier().verify(owner));
    verification.report(progress);
    String published =
        verification.healthy() ? recorded.step("publish", () -> publish(owner, migrated.to())) : "";
    return new Outcome(roles, migrated, seeded, verification, published, recorded.steps());
  }

  private String publish(Session owner, String version) {
    String published = publisher.publish(owner, version);
    progress.line("publish", published);
    ServiceRoutes.look(access).stream()
        .filter(StageResult::warning)
        .forEach(route -> progress.line("publish", "warning: " + route.detail()));
    return published;
  }

  Verifier verifier() {
    return new Verifier(access, migrating.files(), sets, requireNewestMinor);
  }

  /** One line about a published database. */
  public String healthy(String version) {
    return "healthy, schema %s, published to %s".formatted(version, publisher.place());
  }
}
