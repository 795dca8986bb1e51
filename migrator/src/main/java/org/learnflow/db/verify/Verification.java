package org.learnflow.db.verify;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.Progress;

/**
 * What verify found.
 *
 * @param deployed false if the database does not exist
 * @param stages the stages that were checked, in order; those that need an unreachable server are
 *     missing
 */
public record Verification(boolean deployed, List<StageResult> stages) {
  /** There is no database to check. */
  public static Verification notDeployed() {
    return new Verification(false, List.of());
  }

  /** The same with further stages. */
  public Verification with(Collection<StageResult> more) {
    List<StageResult> all = new ArrayList<>(stages);
    all.addAll(more);
    return new Verification(deployed, List.copyOf(all));
  }

  /** Whether every stage passes. */
  public boolean healthy() {
    return deployed && stages.stream().allMatch(StageResult::ok);
  }

  /** The first failed stage with its detail. */
  public Optional<String> reason() {
    return stages.stream()
        .filter(stage -> !stage.ok())
        .findFirst()
        .map(stage -> stage.name() + ": " + stage.detail());
  }

  /** The last line: {@code healthy}, {@code unhealthy: REASON} or {@code not deployed}. */
  public String summary() {
    if (!deployed) {
      return "not deployed";
    }
    return reason().map(reason -> "unhealthy: " + reason).orElse("healthy");
  }

  /**
   * Says how it ended before anything is published: every stage where the database is not healthy.
   */
  public void report(Progress progress) {
    if (healthy()) {
      progress.line("verify", "healthy, %d stages".formatted(stages.size()));
      return;
    }
    stages.stream().map(StageResult::line).forEach(line -> progress.line("verify", line));
    progress.line("publish", "not done, since the database is not healthy");
  }
}
