/** What the catalog should hold, what it holds, and the difference. */
@NullMarked
package org.learnflow.db.drift;

import org.jspecify.annotations.NullMarked;
