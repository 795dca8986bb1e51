/**
 * PostgreSQL itself: identifiers and literals, error codes, the advisory lock, our state schema.
 * Knows only JDBC.
 */
@NullMarked
package org.learnflow.db.postgres;

import org.jspecify.annotations.NullMarked;
