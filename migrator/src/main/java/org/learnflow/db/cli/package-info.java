/** One class per command; connects the other packages and is used by none of them. */
@NullMarked
package org.learnflow.db.cli;

import org.jspecify.annotations.NullMarked;
