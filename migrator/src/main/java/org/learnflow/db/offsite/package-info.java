/** Copies of dumps in a bucket of an S3-compatible store. */
@NullMarked
package org.learnflow.db.offsite;

import org.jspecify.annotations.NullMarked;
