/** The release's passwords: made, replaced, and set where they do not fit. */
@NullMarked
package org.learnflow.db.credentials;

import org.jspecify.annotations.NullMarked;
