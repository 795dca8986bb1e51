/** The programs pg_dump and pg_restore, on this machine or elsewhere. */
@NullMarked
package org.learnflow.db.programs;

import org.jspecify.annotations.NullMarked;
