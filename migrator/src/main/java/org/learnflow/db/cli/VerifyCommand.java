package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.Session;
import org.learnflow.db.roles.RoleNames;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Checks the database. */
@Command(
    name = "verify",
    description =
        "Checks the database stage by stage; last line: healthy, unhealthy: REASON or not deployed."
            + " Exit code 0 or 1.")
final class VerifyCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();

  @Override
  ExitCode execute(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    List<SeedSet> sets = seeds.sets(files);
    Verification verification = verification(migrations, sets, progress);
    print(
        Stream.concat(
                verification.stages().stream().map(VerifyCommand::line),
                Stream.of(verification.summary()))
            .collect(Collectors.joining("\n")),
        document(verification));
    return verification.healthy() ? ExitCode.OK : ExitCode.FAILED;
  }

  private Verification verification(
      MigrationFiles migrations, List<SeedSet> sets, ConsoleProgress progress) {
    try {
      DatabaseOptions.Target target = database.target(false, progress);
      Steps steps = new Steps(target, database.connector(), database.timeout(), progress);
      try (Session session = steps.ownerSession()) {
        return verify(session, migrations, sets, target.names());
      }
    } catch (Failure failure) {
      return switch (failure.code()) {
        case NOT_DEPLOYED -> Verification.notDeployed();
        case USAGE -> throw failure;
        default ->
            new Verification(true, List.of(new StageResult("reachable", false, failure.what())));
      };
    }
  }

  static Verification verify(
      Session session, MigrationFiles migrations, List<SeedSet> sets, RoleNames names) {
    Verifier verifier = new Verifier(migrations, sets, names);
    return session.run("verify", verifier::verify);
  }

  /** A stage as a line: {@code ✓ migrations: 9 applied, at 009}. */
  static String line(StageResult stage) {
    return "%s %s: %s".formatted(stage.ok() ? "✓" : "✗", stage.name(), stage.detail());
  }

  static Map<String, Object> document(Verification verification) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put(
        "status",
        !verification.deployed()
            ? "not deployed"
            : verification.healthy() ? "healthy" : "unhealthy");
    document.put("reason", verification.reason().orElse(""));
    document.put("stages", verification.stages());
    return document;
  }
}
