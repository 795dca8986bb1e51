CREATE TABLE code_executions (
    id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id          bigint      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    exercise_id      bigint      REFERENCES exercises (id),
    submitted_code   text        NOT NULL,
    execution_result text,
    passed           boolean     NOT NULL DEFAULT false,
    executed_at      timestamptz NOT NULL DEFAULT now()
);

-- Debug service: the most recent attempts of a user.
CREATE INDEX code_executions_user_executed_idx ON code_executions (user_id, executed_at DESC);
CREATE INDEX code_executions_exercise_idx ON code_executions (exercise_id);

COMMENT ON TABLE code_executions IS 'Every run of learners'' code.';
COMMENT ON COLUMN code_executions.id IS 'Surrogate key.';
COMMENT ON COLUMN code_executions.user_id IS 'Whose code was run.';
COMMENT ON COLUMN code_executions.exercise_id IS 'The exercise being worked on; null for free experiments.';
COMMENT ON COLUMN code_executions.submitted_code IS 'Source that was run.';
COMMENT ON COLUMN code_executions.execution_result IS 'Output or traceback.';
COMMENT ON COLUMN code_executions.passed IS 'Whether all test cases passed.';
COMMENT ON COLUMN code_executions.executed_at IS 'When it ran.';
