package org.learnflow.db.e2e;

import java.util.Map;

/** The next version's migration, as tests make it up. */
final class Migrations {
  /** Version behind the newest one. */
  static final String NEXT = "%03d".formatted(Integer.parseInt(Repository.newestMigration()) + 1);

  /** Name of its file. */
  static final String FILE = "V" + NEXT + "__create_badges.sql";

  /** Name of the one behind it, which tests make fail. */
  static final String AFTER_NEXT =
      "V%03d__fail.sql".formatted(Integer.parseInt(Repository.newestMigration()) + 2);

  /** Its version. */
  static final String AFTER_NEXT_VERSION = AFTER_NEXT.substring(1, 4);

  /** Makes table badges. */
  static final String BADGES =
      """
      CREATE TABLE badges (
          id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          user_id bigint NOT NULL REFERENCES users (id),
          title   text NOT NULL
      );
      """;

  private Migrations() {}

  /** A version with both, of which the second fails. */
  static Map<String, String> brokenAfterNext() {
    return Map.of(FILE, BADGES, AFTER_NEXT, "SELECT 1 / 0;\n");
  }

  /** The same, corrected. */
  static Map<String, String> correctedAfterNext() {
    return Map.of(FILE, BADGES, AFTER_NEXT, "COMMENT ON TABLE badges IS 'Badges.';\n");
  }

  /** {@link #BADGES}, half done for a while. */
  static String longBadges(int seconds) {
    return BADGES
        + """
        SELECT pg_sleep(%d);
        COMMENT ON TABLE badges IS 'Badges of learners.';
        """
            .formatted(seconds);
  }
}
