/** Tests of the report. */
@NullMarked
package org.learnflow.db.report;

import org.jspecify.annotations.NullMarked;
