/** The connection as services read it. */
@NullMarked
package org.learnflow.db.publish;

import org.jspecify.annotations.NullMarked;
