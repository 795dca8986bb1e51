@NullMarked
package org.learnflow.db.backup;

import org.jspecify.annotations.NullMarked;
