package org.learnflow.db.schema;

import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;

/**
 * A row of Flyway's history.
 *
 * @param version its version
 * @param script name of the file it came from
 * @param checksum Flyway's checksum at that time, null for a baseline
 * @param success false if a migration outside a transaction failed
 */
public record AppliedMigration(
    MigrationVersion version, String script, @Nullable Integer checksum, boolean success) {}
