/** Dumps a database into a file and puts such a file into a database's place. */
@NullMarked
package org.learnflow.db.backup;

import org.jspecify.annotations.NullMarked;
