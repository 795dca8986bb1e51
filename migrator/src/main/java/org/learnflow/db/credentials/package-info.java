/** The release's passwords: created, replaced, and repaired. */
@NullMarked
package org.learnflow.db.credentials;

import org.jspecify.annotations.NullMarked;
