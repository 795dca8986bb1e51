package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.drift.CatalogDifference;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.drift.Drift;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Lists what was changed outside migrations. */
@Command(
    name = "drift",
    description =
        "Lists tables, columns, constraints, indexes, views, functions, triggers, rights and the"
            + " like that were added, removed or changed outside migrations. Exit code 0 without"
            + " drift, 1 with drift, 3 where there is no such database.")
final class DriftCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();

  @Option(
      names = "--accept",
      paramLabel = "OBJECT",
      description =
          "Takes this object as it is for expected from now on; named as drift lists it, such as"
              + " 'index public.users_name_idx'.")
  private @Nullable String accept;

  @Option(names = "--accept-all", description = "Takes all drift for expected from now on.")
  private boolean acceptAll;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      Drift drift = new TimeLimit(database.timeout()).run(() -> read(session));
      Drift accepted = acceptAll ? drift : drift.of(Optional.ofNullable(accept));
      if (accepted.all().isEmpty()) {
        return show(drift);
      }
      confirmation.confirm(
          "From now on this is as it should be: %s."
              .formatted(
                  accepted.objects().stream()
                      .map(CatalogDifference::summary)
                      .collect(Collectors.joining(", "))));
      session.run(
          "drift",
          connection -> {
            accepted.accept(connection, progress);
            return accepted;
          });
      progress.line("drift", "accepted " + accepted.summary());
      return show(read(session));
    }
  }

  private static Drift read(Session session) {
    return session
        .<Optional<Drift>>run("drift", CatalogLedger::drift)
        .orElseThrow(() ->
            Failure.of(
                    ExitCode.FAILED,
                    "it is not recorded yet what migrations made on this server, so drift cannot be"
                        + " told from it")
                .state("nothing was changed")
                .next(
                    "learnflow-db migrate applies what is pending and takes what is there then as"
                        + " expected"));
  }

  private ExitCode show(Drift drift) {
    List<CatalogDifference> objects = drift.objects();
    print(
        objects.isEmpty()
            ? "no drift"
            : pasteable(
                objects.stream().map(CatalogDifference::text).collect(Collectors.joining("\n"))
                    + """


                    %s
                    Keep it: make migration NAME=... that makes it anywhere else too, and here
                      learnflow-db drift --accept '%s'
                    Or take it back by hand; docs/how-to/drift.md\
                    """
                        .formatted(drift.summary(), objects.getFirst().object())),
        Map.of("drift", objects.stream().map(DriftCommand::document).toList()));
    return objects.isEmpty() ? ExitCode.OK : ExitCode.FAILED;
  }

  private static Map<String, String> document(CatalogDifference difference) {
    Map<String, String> document = new LinkedHashMap<>();
    document.put("object", difference.object());
    document.put("change", difference.change());
    document.put("expected", Optional.ofNullable(difference.expected()).orElse(""));
    document.put("found", Optional.ofNullable(difference.found()).orElse(""));
    return document;
  }
}
