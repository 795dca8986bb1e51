/** Traces that the program sends to a collector. */
@NullMarked
package org.learnflow.db.tracing;

import org.jspecify.annotations.NullMarked;
