DROP VIEW schema_migrations;
