/** Who may do what in the database. */
@NullMarked
package org.learnflow.db.roles;

import org.jspecify.annotations.NullMarked;
