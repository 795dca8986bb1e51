/** Puts a database that was created without this program under its migrations. */
@NullMarked
package org.learnflow.db.adoption;

import org.jspecify.annotations.NullMarked;
