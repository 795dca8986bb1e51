/** Undoes migrations with their undo scripts, and shows first what is lost. */
@NullMarked
package org.learnflow.db.rollback;

import org.jspecify.annotations.NullMarked;
