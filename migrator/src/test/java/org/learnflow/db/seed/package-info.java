/** Seeds: what loads, what is refused, and what an interrupted load leaves behind. */
@NullMarked
package org.learnflow.db.seed;

import org.jspecify.annotations.NullMarked;
