/** Takes a database that was made without this program under its migrations. */
@NullMarked
package org.learnflow.db.adoption;

import org.jspecify.annotations.NullMarked;
