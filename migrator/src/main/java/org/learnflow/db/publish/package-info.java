/** The connection as services read it, and where it is written. */
@NullMarked
package org.learnflow.db.publish;

import org.jspecify.annotations.NullMarked;
