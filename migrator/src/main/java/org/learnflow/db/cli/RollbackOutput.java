package org.learnflow.db.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.learnflow.db.rollback.RollbackPlan;
import org.learnflow.db.rollback.RollbackRun;

/** What {@link RollbackCommand} prints. */
final class RollbackOutput {
  private RollbackOutput() {}

  static String text(RollbackPlan plan) {
    if (plan.isEmpty()) {
      return "nothing to do: schema at " + plan.from();
    }
    List<String> lines = new ArrayList<>();
    lines.add("from %s to %s, in this order:".formatted(plan.from(), plan.to()));
    plan.failed()
        .forEach(script -> lines.add("  remove what the failed %s left behind".formatted(script)));
    plan.undo().forEach(script -> lines.add("  undo " + script));
    plan.unseen()
        .ifPresentOrElse(
            why -> lines.add("what would be lost could not be determined: " + why),
            () ->
                lines.add(
                    plan.lost().isEmpty() ? "no table, no column and no row is lost" : "lost:"));
    plan.lost().forEach(loss -> lines.add("  " + loss.text()));
    return String.join("\n", lines);
  }

  static Map<String, Object> document(RollbackPlan plan) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("from", plan.from());
    document.put("to", plan.to());
    document.put("undo", plan.undo());
    document.put("failed", plan.failed());
    document.put("lost", plan.lost());
    return document;
  }

  static Map<String, Object> document(
      RollbackPlan plan, List<String> undone, RollbackRun.Finished finished) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("from", plan.from());
    document.put("to", plan.to());
    document.put("undone", undone);
    document.put("lost", plan.lost());
    document.put("verification", VerifyCommand.document(finished.verification()));
    document.put("published", finished.published());
    return document;
  }
}
