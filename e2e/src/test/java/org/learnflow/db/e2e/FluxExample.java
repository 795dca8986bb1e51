package org.learnflow.db.e2e;

import java.util.List;

/** The database of one of the examples for Flux, in the place that a test has for it. */
record FluxExample(GitRepository repository, Flux flux, String environment, Release release) {
  /** As the examples' README says, in a Flux of its own. */
  static FluxExample deploy(Workspace workspace, GitRepository repository, String environment) {
    return deploy(workspace, repository, new Flux(workspace), environment);
  }

  /**
   * The same beside others.
   *
   * @param environment {@code dev} or {@code prod}
   */
  static FluxExample deploy(
      Workspace workspace, GitRepository repository, Flux flux, String environment) {
    return deploy(
        workspace, repository, flux, environment, "examples/flux/%s.yaml".formatted(environment));
  }

  /** The same from a file of the repository that takes the place of the example. */
  static FluxExample deploy(
      Workspace workspace,
      GitRepository repository,
      Flux flux,
      String environment,
      String manifest) {
    for (String file : List.of("examples/flux/namespaces.yaml", manifest)) {
      flux.apply(repository.adapt(file, flux.namespace()));
    }
    String namespace =
        repository.namespace(environment.equals("prod") ? "postgres" : "postgres-" + environment);
    return new FluxExample(
        repository,
        flux,
        environment,
        new Release(workspace, "helm", namespace, "values-%s.yaml".formatted(environment)));
  }

  /** Changes a setting of an example before it is deployed. */
  static void replace(GitRepository repository, String environment, String old, String wanted) {
    String file = "examples/flux/%s.yaml".formatted(environment);
    String example = repository.read(file);
    if (!example.contains(old)) {
      throw new AssertionError("%s does not say: %s".formatted(file, old));
    }
    repository.write(file, example.replace(old, wanted));
  }

  String namespace() {
    return release.namespace();
  }

  Flux.Reconciled source() {
    return flux.gitRepository(namespace(), Release.NAME);
  }

  Flux.Reconciled helmRelease() {
    return flux.helmRelease(namespace(), Release.NAME);
  }

  /** Has Flux see the last commit, which is enough for it to begin; production is at a tag. */
  void see() {
    if (environment.equals("prod")) {
      repository.tag(GitRepository.FIRST_TAG);
    }
    source().reconcile();
  }

  /** Commits a version, and has Flux see it. */
  void release(String tag) {
    repository.release(tag);
    see();
  }

  /** Has Flux see the last commit, and waits until that has been deployed. */
  void awaitDeployed(String revision) {
    see();
    helmRelease().awaitRevision(revision);
    helmRelease().awaitReady();
  }
}
