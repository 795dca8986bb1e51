package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.MigrationReport;
import org.learnflow.db.seed.SeedReport;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.Verification;

/** Migrate, seed, verify and, where that says healthy, publish: the pipeline behind the roles. */
record Pipeline(
    DatabaseOptions.Target target,
    MigrationFiles migrations,
    List<SeedSet> sets,
    MigrateOptions migrating,
    SeedOptions.Loading loading,
    PublishOptions publishing,
    ClusterOptions cluster,
    ConsoleProgress progress) {

  /**
   * What was done.
   *
   * @param roles what the step before did
   * @param published empty where the database is not healthy
   */
  record Outcome(
      List<String> roles,
      MigrationReport migrated,
      List<SeedReport> seeded,
      Verification verification,
      String published) {
    String text() {
      if (!verification.healthy()) {
        return verification.summary();
      }
      boolean nothingDone =
          roles.isEmpty()
              && migrated.applied().isEmpty()
              && seeded.stream().noneMatch(SeedReport::loaded)
              && !published.endsWith("written");
      return (nothingDone
              ? "nothing to do: schema at " + migrated.to()
              : "done: schema at %s, %d migrations applied, %d seed sets loaded"
                  .formatted(
                      migrated.to(),
                      migrated.applied().size(),
                      seeded.stream().filter(SeedReport::loaded).count()))
          + "\nhealthy";
    }

    Map<String, Object> document() {
      Map<String, Object> document = new LinkedHashMap<>();
      document.put("roles", roles);
      document.put("migrations", migrated);
      document.put("seeds", seeded);
      document.put("verification", VerifyCommand.document(verification));
      document.put("published", published);
      return document;
    }
  }

  /**
   * Does what is left to do.
   *
   * @param roles what the step before did
   */
  Outcome run(Steps steps, Session session, List<String> roles) {
    MigrationReport migrated =
        migrating.migrate(session, migrations, steps.roleManager(), progress);
    List<SeedReport> seeded = loading.load(session, sets, progress);
    Verification verification = steps.verify(session, migrations, sets);
    if (!verification.healthy()) {
      tellUnhealthy(verification, progress);
      return new Outcome(roles, migrated, seeded, verification, "");
    }
    progress.line("verify", "healthy, %d stages".formatted(verification.stages().size()));
    String published = steps.publish(session, publishing, cluster, migrated.to());
    progress.line("publish", published);
    return new Outcome(roles, migrated, seeded, verification, published);
  }

  /** One line, for the pod. */
  String conclusion(Outcome outcome) {
    return outcome.verification().healthy()
        ? healthy(outcome.migrated().to())
        : outcome.verification().summary();
  }

  /** Of a database that is published. */
  String healthy(String version) {
    return "healthy, schema %s, published to %s"
        .formatted(version, publishing.place(target, cluster));
  }

  static void tellUnhealthy(Verification verification, ConsoleProgress progress) {
    verification.stages().forEach(stage -> progress.line("verify", VerifyCommand.line(stage)));
    progress.line("publish", "not done, since the database is not healthy");
  }
}
