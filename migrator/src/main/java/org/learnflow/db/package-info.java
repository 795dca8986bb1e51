/** What all packages share: failures with their exit codes, progress and passwords. */
@NullMarked
package org.learnflow.db;

import org.jspecify.annotations.NullMarked;
