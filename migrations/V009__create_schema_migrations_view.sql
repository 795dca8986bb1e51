-- GROUP BY keeps the view from being updatable: a delete through it would reach Flyway's own table.
CREATE VIEW schema_migrations AS
    SELECT version, max(installed_on) AT TIME ZONE 'UTC' AS applied_at
    FROM flyway_schema_history
    WHERE success AND version IS NOT NULL
    GROUP BY version
    ORDER BY version;

COMMENT ON VIEW schema_migrations IS 'Applied migrations, for services and people; read only.';
COMMENT ON COLUMN schema_migrations.version IS 'Version of the migration, such as 001.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';
