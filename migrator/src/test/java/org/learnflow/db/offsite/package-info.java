@NullMarked
package org.learnflow.db.offsite;

import org.jspecify.annotations.NullMarked;
