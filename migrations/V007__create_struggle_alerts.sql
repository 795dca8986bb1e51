CREATE TABLE struggle_alerts (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id        bigint      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    topic          text        NOT NULL,
    error_pattern  text        NOT NULL,
    struggle_count integer     NOT NULL DEFAULT 1,
    first_detected timestamptz NOT NULL DEFAULT now(),
    last_detected  timestamptz NOT NULL DEFAULT now(),
    resolved_at    timestamptz,
    notified       boolean     NOT NULL DEFAULT false,
    CONSTRAINT struggle_alerts_count_positive CHECK (struggle_count > 0),
    CONSTRAINT struggle_alerts_detected_in_order CHECK (last_detected >= first_detected)
);

-- One open alert for each user, topic and pattern: the same struggle again is counted, not added.
CREATE UNIQUE INDEX struggle_alerts_open_key ON struggle_alerts (user_id, topic, error_pattern) WHERE resolved_at IS NULL;
-- Triage service: the patterns of a user, open or not.
CREATE INDEX struggle_alerts_user_detected_idx ON struggle_alerts (user_id, last_detected DESC);

COMMENT ON TABLE struggle_alerts IS 'Errors that a user keeps making in a topic.';
COMMENT ON COLUMN struggle_alerts.id IS 'Surrogate key.';
COMMENT ON COLUMN struggle_alerts.user_id IS 'Who struggles.';
COMMENT ON COLUMN struggle_alerts.topic IS 'Topic, as in curriculum.topic_name.';
COMMENT ON COLUMN struggle_alerts.error_pattern IS 'Kind of error, such as IndexError or off-by-one.';
COMMENT ON COLUMN struggle_alerts.struggle_count IS 'How often it was seen since first_detected.';
COMMENT ON COLUMN struggle_alerts.first_detected IS 'When it was first seen.';
COMMENT ON COLUMN struggle_alerts.last_detected IS 'When it was last seen.';
COMMENT ON COLUMN struggle_alerts.resolved_at IS 'When it was overcome; null while open.';
COMMENT ON COLUMN struggle_alerts.notified IS 'Whether a teacher was told.';
