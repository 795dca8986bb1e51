package org.learnflow.db.programs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.SslMode;

/** Programs of this machine. */
class LocalProgramsTest {
  @Test
  void aPlacedFileIsOursAloneAndGoneOnceItIsClosed(@TempDir Path folder) throws Exception {
    LocalPrograms programs =
        new LocalPrograms(
            folder,
            new DatabaseAddress("localhost", 5432, "d", "o", SslMode.DEFAULT, Optional.empty()),
            Optional.empty());
    Path file;
    try (PostgresPrograms.PlacedFile placed =
        programs.place("d_restore.list", "1; 2 3 TABLE".getBytes(StandardCharsets.UTF_8))) {
      file = Path.of(placed.path());
      assertThat(file).hasContent("1; 2 3 TABLE");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("rw-------");
    }
    assertThat(file).doesNotExist();
  }
}
