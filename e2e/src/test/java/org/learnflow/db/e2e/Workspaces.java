package org.learnflow.db.e2e;

import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.opentest4j.TestAbortedException;

/**
 * Gives each test its {@link Workspace}; afterwards writes down what a failed one left, and deletes
 * its namespaces.
 */
final class Workspaces implements ParameterResolver, AfterEachCallback {
  private static final Namespace STORE = Namespace.create(Workspaces.class);

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext test) {
    return parameter.getParameter().getType() == Workspace.class;
  }

  @Override
  public Workspace resolveParameter(ParameterContext parameter, ExtensionContext test) {
    Cluster cluster =
        test.getRoot()
            .getStore(STORE)
            .computeIfAbsent(Cluster.class, key -> Cluster.connect(), Cluster.class);
    Workspace workspace = new Workspace(cluster, test.getRequiredTestMethod().getName());
    test.getStore(STORE).put(Workspace.class, workspace);
    return workspace;
  }

  @Override
  public void afterEach(ExtensionContext test) {
    Workspace workspace = test.getStore(STORE).get(Workspace.class, Workspace.class);
    if (workspace == null) {
      return;
    }
    test.getExecutionException()
        .filter(failure -> !(failure instanceof TestAbortedException))
        .ifPresent(failure ->
            new FailureReport(workspace)
                .write(Summary.name(test.getRequiredTestMethod()), failure));
    workspace.end();
  }
}
