package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.learnflow.db.testing.TestFiles;

/** A file of the repository that {@code make generate} writes. */
public final class GeneratedFile {
  private GeneratedFile() {}

  /** With {@code -Dgenerate=true}: writes the file instead. */
  public static void check(Path file, String expected) {
    if (Boolean.getBoolean("generate")) {
      TestFiles.write(file, expected);
    }
    assertThat(Files.exists(file) ? TestFiles.read(file) : "")
        .as(file + " is out of date: run make generate and commit it")
        .isEqualTo(expected);
  }
}
