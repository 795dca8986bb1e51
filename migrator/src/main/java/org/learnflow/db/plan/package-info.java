/** What pending migrations would do, tried in a scratch database. */
@NullMarked
package org.learnflow.db.plan;

import org.jspecify.annotations.NullMarked;
