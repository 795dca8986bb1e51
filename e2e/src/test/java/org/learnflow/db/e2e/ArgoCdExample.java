package org.learnflow.db.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/** One of the examples' Applications of the database, its repository, and the release it makes. */
record ArgoCdExample(
    GitRepository repository, ArgoCd argoCd, ArgoCd.Application application, Release release) {
  /** Argo CD with namespaces and projects, as the examples' README has them made first. */
  static ArgoCd prepare(Workspace workspace, GitRepository repository) {
    ArgoCd argoCd = new ArgoCd(workspace);
    for (String file : List.of("namespaces", "project")) {
      argoCd.apply(repository.adapt("examples/argocd/%s.yaml".formatted(file), argoCd.namespace()));
    }
    return argoCd;
  }

  /** The same and application-dev.yaml or application-prod.yaml. */
  static ArgoCdExample deploy(Workspace workspace, GitRepository repository, String environment) {
    return deploy(workspace, repository, prepare(workspace, repository), environment);
  }

  static ArgoCdExample deploy(
      Workspace workspace, GitRepository repository, ArgoCd argoCd, String environment) {
    argoCd.apply(
        repository.adapt(
            "examples/argocd/application-%s.yaml".formatted(environment), argoCd.namespace()));
    return of(workspace, repository, argoCd, environment, "learnflow-db-" + environment);
  }

  /** An Application of that name, which is there or is to be made. */
  static ArgoCdExample of(
      Workspace workspace,
      GitRepository repository,
      ArgoCd argoCd,
      String environment,
      String application) {
    String namespace =
        repository.namespace(environment.equals("prod") ? "postgres" : "postgres-" + environment);
    return new ArgoCdExample(
        repository,
        argoCd,
        argoCd.application(application),
        new Release(workspace, "helm", namespace, "values-%s.yaml".formatted(environment)));
  }

  String namespace() {
    return release.namespace();
  }

  /** Commits a change that only hooks feel; its revision. */
  String commitForHooks() {
    String values = "charts/learnflow-db/values-dev.yaml";
    repository.write(values, repository.read(values) + "migrator:\n  lockTimeout: 11s\n");
    return repository.commit("Wait longer for locks");
  }

  /** Of an operation, such as {@code Succeeded}. */
  static String phase(JsonNode operation) {
    return operation.path("phase").asText();
  }
}
