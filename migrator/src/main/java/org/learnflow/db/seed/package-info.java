/** Loads seed sets from CSV and SQL. Knows only JDBC. */
@NullMarked
package org.learnflow.db.seed;

import org.jspecify.annotations.NullMarked;
