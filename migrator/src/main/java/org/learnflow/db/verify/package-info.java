/** Checks stage by stage that the database is what LearnFlow's services expect. */
@NullMarked
package org.learnflow.db.verify;

import org.jspecify.annotations.NullMarked;
