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
        "Lists tables, columns, constraints, indexes, views, functions, triggers, privileges and"
            + " the like that were added, removed or changed outside migrations. Exit code 0"
            + " without drift, 1 with drift, 3 if the database does not exist.")
final class DriftCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private ConfirmOptions confirmation = new ConfirmOptions();

  @Option(
      names = "--accept",
      paramLabel = "OBJECT",
      description =
          "Accept the current state of this object as the expected state; name it as drift lists"
              + " it, such as 'index public.users_name_idx'.")
  private @Nullable String accept;

  @Option(names = "--accept-all", description = "Accept all drift as the expected state.")
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
          "Accept this as the expected state: %s."
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
                    "the expected state is not recorded yet on this server, so drift cannot be"
                        + " determined")
                .state("nothing was changed")
                .next(
                    "learnflow-db migrate applies what is pending and records the result as the"
                        + " expected state"));
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
                    Keep it: run make migration NAME=..., so that it exists everywhere else too, and here
                      learnflow-db drift --accept '%s'
                    Or undo it by hand; see docs/how-to/drift.md\
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
