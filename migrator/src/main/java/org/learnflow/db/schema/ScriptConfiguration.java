package org.learnflow.db.schema;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Properties;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * Flyway's script configuration file, {@code V1__x.sql.conf} next to {@code V1__x.sql}. Source:
 * Flyway's documentation, "Script Configuration".
 *
 * @param executeInTransaction whether the migration runs in a transaction, whatever it contains
 */
record ScriptConfiguration(boolean executeInTransaction) {
  /** The one supported key, as Flyway spells it. */
  static final String KEY = "executeInTransaction";

  /**
   * The configuration of a migration, if it has one.
   *
   * @throws Failure 2 if it sets anything else
   */
  static Optional<ScriptConfiguration> of(MigrationFile file) {
    Path path = file.path().resolveSibling(name(file.name()));
    if (!Files.exists(path)) {
      return Optional.empty();
    }
    Properties properties = new Properties();
    try (Reader text = Files.newBufferedReader(path)) {
      properties.load(text);
    } catch (IOException e) {
      throw new UncheckedIOException("reading " + path, e);
    }
    String value = properties.getProperty(KEY, "").strip();
    if (properties.size() != 1 || !(value.equals("true") || value.equals("false"))) {
      throw Failure.of(ExitCode.USAGE, path.getFileName() + " sets something other than " + KEY)
          .where(path.toString())
          .state("nothing was changed")
          .next("keep only one line in it, %s=false or %1$s=true, or remove it".formatted(KEY));
    }
    return Optional.of(new ScriptConfiguration(value.equals("true")));
  }

  /** Name of the configuration file of the migration with that name. */
  static String name(String migration) {
    return migration + ".conf";
  }

  /** As Flyway reads it. */
  String text() {
    return KEY + "=" + executeInTransaction;
  }
}
