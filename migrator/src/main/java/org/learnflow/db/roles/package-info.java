/** The three roles and their privileges. */
@NullMarked
package org.learnflow.db.roles;

import org.jspecify.annotations.NullMarked;
