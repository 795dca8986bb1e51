package org.learnflow.db.plan;

import java.util.Locale;
import org.learnflow.db.plan.MigrationPlan.TableEffect;

/** What must not happen to a table that has rows. */
public enum FailOn {
  /** A table or one of its indexes is rewritten. */
  REWRITE,
  /** SHARE or stronger. */
  SHARE,
  /** ACCESS EXCLUSIVE. */
  ACCESS_EXCLUSIVE;

  boolean happensTo(TableEffect table) {
    return switch (this) {
      case REWRITE -> table.rewrites();
      case SHARE -> table.lock().compareTo(LockMode.SHARE) >= 0;
      case ACCESS_EXCLUSIVE -> table.lock() == LockMode.ACCESS_EXCLUSIVE;
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
