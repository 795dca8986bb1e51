package org.learnflow.db.e2e;

/** The next version's migration, as tests make it up. */
final class Migrations {
  /** Version behind the newest one. */
  static final String NEXT = "%03d".formatted(Integer.parseInt(Repository.newestMigration()) + 1);

  /** Name of its file. */
  static final String FILE = "V" + NEXT + "__create_badges.sql";

  /** Name of the one behind it, which tests make fail. */
  static final String AFTER_NEXT =
      "V%03d__fail.sql".formatted(Integer.parseInt(Repository.newestMigration()) + 2);

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

  /** The same, half done for a while. */
  static String longBadges(int seconds) {
    return BADGES
        + """
        SELECT pg_sleep(%d);
        COMMENT ON TABLE badges IS 'Badges of learners.';
        """
            .formatted(seconds);
  }
}
