DROP VIEW compat.users, compat.learning_progress, compat.struggles, compat.exercises, compat.code_executions;
DROP FUNCTION compat.insert_learning_progress();
DROP FUNCTION compat.insert_struggle();
DROP SCHEMA compat;
