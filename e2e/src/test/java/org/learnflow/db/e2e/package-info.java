/**
 * The product's promises on a real Kubernetes, with the real image and the helm command. A test's
 * display name is the promise that it holds.
 */
package org.learnflow.db.e2e;
