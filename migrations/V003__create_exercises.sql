CREATE TABLE exercises (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title       text        NOT NULL CONSTRAINT exercises_title_key UNIQUE,
    topic       text        NOT NULL,
    description text        NOT NULL,
    difficulty  text        NOT NULL,
    test_cases  jsonb       NOT NULL DEFAULT '[]',
    solution    text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT exercises_title_not_blank CHECK (btrim(title) <> ''),
    CONSTRAINT exercises_difficulty_known CHECK (difficulty IN ('beginner', 'intermediate', 'advanced')),
    CONSTRAINT exercises_test_cases_is_array CHECK (jsonb_typeof(test_cases) = 'array')
);

-- Exercise service: a learner's next exercise is looked up by difficulty, mostly within a topic.
CREATE INDEX exercises_difficulty_topic_idx ON exercises (difficulty, topic);
CREATE INDEX exercises_topic_idx ON exercises (topic);

-- Whoever inserts through compat.exercises has no title to give.
CREATE FUNCTION set_exercise_title() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog
AS $$
BEGIN
    NEW.title := 'Exercise ' || NEW.id;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION set_exercise_title() IS 'Trigger: names an exercise that was inserted without a title.';

CREATE TRIGGER exercises_set_title
    BEFORE INSERT ON exercises
    FOR EACH ROW WHEN (NEW.title IS NULL) EXECUTE FUNCTION set_exercise_title();

COMMENT ON TABLE exercises IS 'Programming exercises with their tests and a solution.';
COMMENT ON COLUMN exercises.id IS 'Surrogate key.';
COMMENT ON COLUMN exercises.title IS 'Natural key; "Exercise <id>" where none was given.';
COMMENT ON COLUMN exercises.topic IS 'Topic it trains, as in curriculum.topic_name.';
COMMENT ON COLUMN exercises.description IS 'What the learner is asked to do.';
COMMENT ON COLUMN exercises.difficulty IS 'beginner, intermediate or advanced.';
COMMENT ON COLUMN exercises.test_cases IS 'JSON array of {"call": expression, "expected": value}; each call is evaluated after the submitted code.';
COMMENT ON COLUMN exercises.solution IS 'Python source that passes all test cases.';
COMMENT ON COLUMN exercises.created_at IS 'When the exercise was made.';
