/** A real PostgreSQL for tests, and the program run in this process or in one of its own. */
@NullMarked
package org.learnflow.db.testing;

import org.jspecify.annotations.NullMarked;
