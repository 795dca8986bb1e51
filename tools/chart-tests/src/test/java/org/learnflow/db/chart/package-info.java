/**
 * What the chart promises as a whole; helm-unittest, in the chart's tests/, says what each template
 * promises.
 */
package org.learnflow.db.chart;
