CREATE TABLE submissions (
    id           bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint       NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    exercise_id  bigint       NOT NULL REFERENCES exercises (id),
    code         text         NOT NULL,
    feedback     text,
    score        numeric(5,2),
    submitted_at timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT submissions_score_percent CHECK (score BETWEEN 0 AND 100)
);

CREATE INDEX submissions_user_submitted_idx ON submissions (user_id, submitted_at DESC);
CREATE INDEX submissions_exercise_idx ON submissions (exercise_id);

COMMENT ON TABLE submissions IS 'Solutions that users handed in, with what they were told about them.';
COMMENT ON COLUMN submissions.id IS 'Surrogate key.';
COMMENT ON COLUMN submissions.user_id IS 'Who handed it in.';
COMMENT ON COLUMN submissions.exercise_id IS 'The exercise it answers.';
COMMENT ON COLUMN submissions.code IS 'Source as handed in.';
COMMENT ON COLUMN submissions.feedback IS 'What the learner was told; null until reviewed.';
COMMENT ON COLUMN submissions.score IS 'Percent, 0 to 100; null until reviewed.';
COMMENT ON COLUMN submissions.submitted_at IS 'When it was handed in.';
