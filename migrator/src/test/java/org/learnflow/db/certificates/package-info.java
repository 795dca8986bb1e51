/** Tests of the certificates. */
@NullMarked
package org.learnflow.db.certificates;

import org.jspecify.annotations.NullMarked;
