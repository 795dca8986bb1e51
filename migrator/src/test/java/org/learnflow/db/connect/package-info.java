/** Where the database is, and waiting for it. */
@NullMarked
package org.learnflow.db.connect;

import org.jspecify.annotations.NullMarked;
