/** The command line. */
@NullMarked
package org.learnflow.db.cli;

import org.jspecify.annotations.NullMarked;
