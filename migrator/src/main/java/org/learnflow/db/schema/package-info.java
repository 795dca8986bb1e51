/** Migrations: files, history, applying them with Flyway. Knows only JDBC. */
@NullMarked
package org.learnflow.db.schema;

import org.jspecify.annotations.NullMarked;
