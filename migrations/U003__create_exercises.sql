DROP TABLE exercises;
DROP FUNCTION set_exercise_title();
