/** One class per command; wires the other packages together and is used by none of them. */
@NullMarked
package org.learnflow.db.cli;

import org.jspecify.annotations.NullMarked;
