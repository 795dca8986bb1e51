/** Tests against a real Kubernetes API server. */
@NullMarked
package org.learnflow.db.kubernetes;

import org.jspecify.annotations.NullMarked;
