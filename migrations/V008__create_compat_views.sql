CREATE SCHEMA compat;

COMMENT ON SCHEMA compat IS 'The tables of the earlier design under their own names, for services that set search_path=compat.';

CREATE VIEW compat.users AS
    SELECT id AS user_id, username, email, created_at
    FROM public.users;

COMMENT ON VIEW compat.users IS 'public.users under the names of the earlier design.';
COMMENT ON COLUMN compat.users.user_id IS 'users.id';
COMMENT ON COLUMN compat.users.username IS 'users.username';
COMMENT ON COLUMN compat.users.email IS 'users.email';
COMMENT ON COLUMN compat.users.created_at IS 'users.created_at';

CREATE VIEW compat.learning_progress AS
    SELECT id AS progress_id, user_id, topic AS concept_name, mastery_score AS completion_percentage,
           last_practiced AS last_accessed, total_time_seconds
    FROM public.progress;

COMMENT ON VIEW compat.learning_progress IS 'public.progress under the names of the earlier design; a repeated insert for the same user and concept updates it.';
COMMENT ON COLUMN compat.learning_progress.progress_id IS 'progress.id';
COMMENT ON COLUMN compat.learning_progress.user_id IS 'progress.user_id';
COMMENT ON COLUMN compat.learning_progress.concept_name IS 'progress.topic';
COMMENT ON COLUMN compat.learning_progress.completion_percentage IS 'progress.mastery_score';
COMMENT ON COLUMN compat.learning_progress.last_accessed IS 'progress.last_practiced';
COMMENT ON COLUMN compat.learning_progress.total_time_seconds IS 'progress.total_time_seconds';

CREATE VIEW compat.struggles AS
    SELECT id AS struggle_id, user_id, topic AS concept_name, error_pattern AS error_type, struggle_count,
           first_detected AS first_occurred, last_detected AS last_occurred
    FROM public.struggle_alerts;

COMMENT ON VIEW compat.struggles IS 'public.struggle_alerts under the names of the earlier design; a repeated insert of an open struggle counts it.';
COMMENT ON COLUMN compat.struggles.struggle_id IS 'struggle_alerts.id';
COMMENT ON COLUMN compat.struggles.user_id IS 'struggle_alerts.user_id';
COMMENT ON COLUMN compat.struggles.concept_name IS 'struggle_alerts.topic';
COMMENT ON COLUMN compat.struggles.error_type IS 'struggle_alerts.error_pattern';
COMMENT ON COLUMN compat.struggles.struggle_count IS 'struggle_alerts.struggle_count';
COMMENT ON COLUMN compat.struggles.first_occurred IS 'struggle_alerts.first_detected';
COMMENT ON COLUMN compat.struggles.last_occurred IS 'struggle_alerts.last_detected';

CREATE VIEW compat.exercises AS
    SELECT id AS exercise_id, topic AS concept_name, difficulty AS difficulty_level,
           description AS problem_description, solution AS solution_code, created_at
    FROM public.exercises;

COMMENT ON VIEW compat.exercises IS 'public.exercises under the names of the earlier design.';
COMMENT ON COLUMN compat.exercises.exercise_id IS 'exercises.id';
COMMENT ON COLUMN compat.exercises.concept_name IS 'exercises.topic';
COMMENT ON COLUMN compat.exercises.difficulty_level IS 'exercises.difficulty';
COMMENT ON COLUMN compat.exercises.problem_description IS 'exercises.description';
COMMENT ON COLUMN compat.exercises.solution_code IS 'exercises.solution';
COMMENT ON COLUMN compat.exercises.created_at IS 'exercises.created_at';

CREATE VIEW compat.code_executions AS
    SELECT id AS execution_id, user_id, exercise_id, submitted_code, execution_result, passed, executed_at
    FROM public.code_executions;

COMMENT ON VIEW compat.code_executions IS 'public.code_executions under the names of the earlier design.';
COMMENT ON COLUMN compat.code_executions.execution_id IS 'code_executions.id';
COMMENT ON COLUMN compat.code_executions.user_id IS 'code_executions.user_id';
COMMENT ON COLUMN compat.code_executions.exercise_id IS 'code_executions.exercise_id';
COMMENT ON COLUMN compat.code_executions.submitted_code IS 'code_executions.submitted_code';
COMMENT ON COLUMN compat.code_executions.execution_result IS 'code_executions.execution_result';
COMMENT ON COLUMN compat.code_executions.passed IS 'code_executions.passed';
COMMENT ON COLUMN compat.code_executions.executed_at IS 'code_executions.executed_at';

-- Views cannot take ON CONFLICT from a client, so inserts go through triggers; updates and deletes need none.
CREATE FUNCTION compat.insert_learning_progress() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog
AS $$
BEGIN
    INSERT INTO public.progress AS p (user_id, topic, mastery_score, last_practiced, total_time_seconds)
    VALUES (NEW.user_id, NEW.concept_name, coalesce(NEW.completion_percentage, 0),
            coalesce(NEW.last_accessed, now()), coalesce(NEW.total_time_seconds, 0))
    ON CONFLICT (user_id, topic) DO UPDATE SET
        mastery_score = coalesce(NEW.completion_percentage, p.mastery_score),
        last_practiced = coalesce(NEW.last_accessed, now()),
        total_time_seconds = coalesce(NEW.total_time_seconds, p.total_time_seconds)
    RETURNING p.id, p.mastery_score, p.last_practiced, p.total_time_seconds
    INTO NEW.progress_id, NEW.completion_percentage, NEW.last_accessed, NEW.total_time_seconds;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION compat.insert_learning_progress() IS 'Trigger: inserts progress, or updates that of the same user and concept.';

CREATE TRIGGER learning_progress_insert
    INSTEAD OF INSERT ON compat.learning_progress
    FOR EACH ROW EXECUTE FUNCTION compat.insert_learning_progress();

CREATE FUNCTION compat.insert_struggle() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog
AS $$
BEGIN
    INSERT INTO public.struggle_alerts AS s (user_id, topic, error_pattern, struggle_count, first_detected, last_detected)
    VALUES (NEW.user_id, NEW.concept_name, NEW.error_type, coalesce(NEW.struggle_count, 1),
            coalesce(NEW.first_occurred, NEW.last_occurred, now()),
            coalesce(NEW.last_occurred, NEW.first_occurred, now()))
    ON CONFLICT (user_id, topic, error_pattern) WHERE resolved_at IS NULL DO UPDATE SET
        struggle_count = s.struggle_count + EXCLUDED.struggle_count,
        first_detected = least(s.first_detected, EXCLUDED.first_detected),
        last_detected = greatest(s.last_detected, EXCLUDED.last_detected)
    RETURNING s.id, s.struggle_count, s.first_detected, s.last_detected
    INTO NEW.struggle_id, NEW.struggle_count, NEW.first_occurred, NEW.last_occurred;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION compat.insert_struggle() IS 'Trigger: inserts a struggle, or counts it where the same one is open.';

CREATE TRIGGER struggles_insert
    INSTEAD OF INSERT ON compat.struggles
    FOR EACH ROW EXECUTE FUNCTION compat.insert_struggle();
