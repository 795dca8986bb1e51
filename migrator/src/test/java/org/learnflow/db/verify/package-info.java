/** What verify says about a database. */
@NullMarked
package org.learnflow.db.verify;

import org.jspecify.annotations.NullMarked;
