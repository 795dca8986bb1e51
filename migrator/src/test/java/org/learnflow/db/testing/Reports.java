package org.learnflow.db.testing;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.learnflow.db.Progress;

/** What was reported, by any thread. */
public final class Reports implements Progress {
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private final List<String> updates = new CopyOnWriteArrayList<>();

  @Override
  public void line(String step, String text) {
    lines.add(step + " " + text);
  }

  @Override
  public void update(String step, String text) {
    updates.add(step + " " + text);
  }

  /** Facts, each with its step. */
  public List<String> lines() {
    return lines;
  }

  /** Transient states, each with its step. */
  public List<String> updates() {
    return updates;
  }
}
