package org.learnflow.db.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** Gives each test that asks for a {@link TestDatabase} a new one on the shared server. */
public final class PostgresExtension implements ParameterResolver {
  private static final Namespace NAMESPACE = Namespace.create(PostgresExtension.class);

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == TestDatabase.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    Directory directory =
        context
            .getStore(NAMESPACE)
            .computeIfAbsent(Directory.class, key -> new Directory(), Directory.class);
    return TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory.path());
  }

  /** Password files of a test, deleted after it. */
  private static final class Directory implements AutoCloseable {
    private final Path path;

    Directory() {
      try {
        path = Files.createTempDirectory("learnflow-db-test-");
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }

    Path path() {
      return path;
    }

    @Override
    public void close() {
      TestFiles.deleteRecursively(path);
    }
  }
}
