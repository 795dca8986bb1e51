/** The authority and the certificate of the database's server, as PEM; no network, no files. */
@NullMarked
package org.learnflow.db.certificates;

import org.jspecify.annotations.NullMarked;
