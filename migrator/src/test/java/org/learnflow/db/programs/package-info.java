@NullMarked
package org.learnflow.db.programs;

import org.jspecify.annotations.NullMarked;
