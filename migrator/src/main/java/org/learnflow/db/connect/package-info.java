/** Where the database is (URI or embedded), and when it answers. */
@NullMarked
package org.learnflow.db.connect;

import org.jspecify.annotations.NullMarked;
