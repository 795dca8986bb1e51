package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * A test's own seed sets, and the program that loads them.
 *
 * @param database to load them into
 * @param directory the one that {@code --seeds-dir} names
 */
record SeedFolder(TestDatabase database, Path directory) {
  /** The set that is loaded unless another is named. */
  static final String SET = "reference";

  /** Writes a file of the set {@link #SET}. */
  SeedFolder file(String name, String text) {
    TestFiles.write(path(name), text);
    return this;
  }

  /** Writes a file of the set {@link #SET}. */
  SeedFolder file(String name, byte[] content) {
    TestFiles.write(path(name), "");
    try {
      Files.write(path(name), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return this;
  }

  /** Where a file of the set {@link #SET} is. */
  Path path(String name) {
    return directory.resolve(SET).resolve(name);
  }

  /** Deletes all sets. */
  SeedFolder clear() {
    TestFiles.deleteRecursively(directory);
    return this;
  }

  /** The program with these seeds. */
  Cli cli() {
    return database.cli().with("LEARNFLOW_DB_SEEDS_DIR", directory.toString());
  }

  /** {@code learnflow-db seed}, however it ends. */
  CliResult seed(String... arguments) {
    List<String> all = new ArrayList<>(List.of("seed"));
    all.addAll(List.of(arguments));
    return cli().run(all.toArray(String[]::new));
  }

  /** {@code learnflow-db seed}, which has to succeed. */
  CliResult load(String... arguments) {
    CliResult result = seed(arguments);
    assertThat(result.exitCode()).as(result.all()).isZero();
    return result;
  }

  /** What {@code --output json} prints for a load that has to succeed. */
  JsonNode loadAsJson(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--output", "json"));
    try {
      return new ObjectMapper().readTree(load(all.toArray(String[]::new)).out());
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }
}
