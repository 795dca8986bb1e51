/** The only package that sees OpenTelemetry, whose classes are loaded only if it is wanted. */
@NullMarked
package org.learnflow.db.tracing;

import org.jspecify.annotations.NullMarked;
