CREATE TABLE progress (
    id                 bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id            bigint       NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    topic              text         NOT NULL,
    mastery_score      numeric(5,2) NOT NULL DEFAULT 0,
    last_practiced     timestamptz  NOT NULL DEFAULT now(),
    streak_days        integer      NOT NULL DEFAULT 0,
    total_time_seconds bigint       NOT NULL DEFAULT 0,
    -- Its index also serves the foreign key and "all progress of a user".
    CONSTRAINT progress_user_topic_key UNIQUE (user_id, topic),
    CONSTRAINT progress_mastery_score_percent CHECK (mastery_score BETWEEN 0 AND 100),
    CONSTRAINT progress_streak_days_not_negative CHECK (streak_days >= 0),
    CONSTRAINT progress_total_time_not_negative CHECK (total_time_seconds >= 0)
);

COMMENT ON TABLE progress IS 'How far a user has come in a topic; one row for each user and topic.';
COMMENT ON COLUMN progress.id IS 'Surrogate key.';
COMMENT ON COLUMN progress.user_id IS 'The learner.';
COMMENT ON COLUMN progress.topic IS 'Topic, as in curriculum.topic_name.';
COMMENT ON COLUMN progress.mastery_score IS 'Percent, 0 to 100.';
COMMENT ON COLUMN progress.last_practiced IS 'When the user last worked on the topic.';
COMMENT ON COLUMN progress.streak_days IS 'Days in a row with practice, up to last_practiced.';
COMMENT ON COLUMN progress.total_time_seconds IS 'Time spent, in seconds.';
