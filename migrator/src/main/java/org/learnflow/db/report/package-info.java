/** The report about a database, as a page of HTML with a picture of its tables. */
@NullMarked
package org.learnflow.db.report;

import org.jspecify.annotations.NullMarked;
