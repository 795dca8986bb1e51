/** Dumps a database into a file, and replaces a database by such a file. */
@NullMarked
package org.learnflow.db.backup;

import org.jspecify.annotations.NullMarked;
