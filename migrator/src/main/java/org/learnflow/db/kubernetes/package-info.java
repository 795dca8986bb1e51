/** The only package that talks to a Kubernetes API server. */
@NullMarked
package org.learnflow.db.kubernetes;

import org.jspecify.annotations.NullMarked;
