/**
 * What all packages share: failures with their exit codes, progress, passwords and the advisory
 * lock.
 */
@NullMarked
package org.learnflow.db;

import org.jspecify.annotations.NullMarked;
