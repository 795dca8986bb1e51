/** The three roles and their rights. */
@NullMarked
package org.learnflow.db.roles;

import org.jspecify.annotations.NullMarked;
