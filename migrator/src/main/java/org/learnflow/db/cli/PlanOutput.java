package org.learnflow.db.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.plan.MigrationPlan;
import org.learnflow.db.plan.MigrationPlan.TableEffect;

/** What {@link PlanCommand} prints. */
final class PlanOutput {
  private PlanOutput() {}

  /**
   * The document of the plan.
   *
   * @param from newest applied version, or "none"
   * @param pending migrations in order
   * @param notTried statements that affect the whole server: where, and how each begins
   * @param refused what --fail-on refuses, one sentence each
   * @param notes why a dump could not be restored afterwards, one sentence each
   */
  record Document(
      String from,
      List<Pending> pending,
      List<String> notTried,
      List<String> refused,
      List<String> notes) {}

  /**
   * A pending migration.
   *
   * @param migration name of the file
   * @param transaction whether it runs in a transaction
   * @param tables existing tables that it locks
   */
  record Pending(String migration, boolean transaction, List<Table> tables) {}

  /**
   * A table as a migration treats it.
   *
   * @param lock the strongest, such as ACCESS EXCLUSIVE
   * @param blocks what services cannot do meanwhile
   * @param rewritten whether it is rewritten
   * @param rebuiltIndexes indexes that are rebuilt
   * @param bytes with indexes; null if unknown
   * @param rows estimated number
   */
  record Table(
      String table,
      String lock,
      String blocks,
      boolean rewritten,
      List<String> rebuiltIndexes,
      @Nullable Long bytes,
      long rows) {}

  static Document document(MigrationPlan plan, List<String> refused) {
    return new Document(
        plan.from(),
        plan.steps().stream()
            .map(step ->
                new Pending(
                    step.file().name(),
                    step.transaction(),
                    step.tables().stream()
                        .map(table ->
                            new Table(
                                table.table(),
                                table.lock().toString(),
                                table.lock().blocks(),
                                table.rewritten(),
                                table.rebuiltIndexes(),
                                table.size().bytes(),
                                table.size().rows()))
                        .toList()))
            .toList(),
        plan.notTried(),
        refused,
        plan.notes());
  }

  static String text(MigrationPlan plan, List<String> refused) {
    if (plan.steps().isEmpty()) {
      return "nothing is pending: schema at " + plan.from();
    }
    List<List<String>> lines = new ArrayList<>();
    lines.add(List.of("MIGRATION", "TABLE", "LOCK", "BLOCKS", "REWRITES", "SIZE", "ROWS"));
    for (MigrationPlan.Step step : plan.steps()) {
      String name = step.file().name() + (step.transaction() ? "" : " (no transaction)");
      if (step.tables().isEmpty()) {
        lines.add(List.of(name, "no existing table"));
      }
      for (TableEffect table : step.tables()) {
        lines.add(
            List.of(
                table.equals(step.tables().getFirst()) ? name : "",
                table.table(),
                table.lock().toString(),
                table.lock().blocks(),
                table.rewritesText(),
                table.size().text(),
                table.size().rowsText()));
      }
    }
    return Stream.of(
            Stream.of("schema at %s, %d pending".formatted(plan.from(), plan.steps().size())),
            aligned(lines),
            plan.notTried().stream().map(what -> MigrationPlan.NOT_TRIED + what),
            Stream.of(MigrationPlan.NOT_SEEN),
            plan.notes().stream().map(note -> "note: " + MigrationPlan.NOTE + note),
            refused.stream().map(what -> "refused: " + what))
        .flatMap(part -> part)
        .collect(Collectors.joining("\n"));
  }

  private static Stream<String> aligned(List<List<String>> lines) {
    int columns = lines.getFirst().size();
    int[] widths =
        IntStream.range(0, columns)
            .map(column ->
                lines.stream()
                    .filter(line -> line.size() == columns || column < line.size() - 1)
                    .mapToInt(line -> line.get(column).length())
                    .max()
                    .orElse(0))
            .toArray();
    return lines.stream()
        .map(line ->
            IntStream.range(0, line.size())
                .mapToObj(column -> ("%-" + (widths[column] + 2) + "s").formatted(line.get(column)))
                .collect(Collectors.joining())
                .stripTrailing());
  }
}
