package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.programs.PostgresPrograms;

/** A dump that somebody else writes to while it is read. */
class DumpFileTest {
  private static final int SIZE = 300_000;

  @TempDir private Path folder;

  @Test
  void becomingShorterItIsTold() throws IOException {
    Path path = Files.write(folder.resolve("dump"), new byte[SIZE]);
    Reading reading =
        new Reading(() -> Files.newByteChannel(path, StandardOpenOption.WRITE).truncate(200_000));
    DumpFile dump = new DumpFile(path, Progress.SILENT, "restore");
    assertThatThrownBy(() -> dump.readWhole(reading))
        .isInstanceOf(Failure.class)
        .hasMessageContaining(
            "the dump cannot be read: it became shorter while it was read, by 100000");
  }

  @Test
  void becomingLongerIsOfNoAccount() throws IOException {
    Path path = Files.write(folder.resolve("dump"), new byte[SIZE]);
    Reading reading =
        new Reading(() -> Files.write(path, new byte[SIZE], StandardOpenOption.APPEND));
    String sha256 = new DumpFile(path, Progress.SILENT, "restore").readWhole(reading);
    assertThat(reading.read.size()).isEqualTo(SIZE);
    Path before = Files.write(folder.resolve("before"), new byte[SIZE]);
    assertThat(new DumpFile(before, Progress.SILENT, "restore").readWhole(new Reading(() -> {})))
        .isEqualTo(sha256);
  }

  private interface Event {
    void happen() throws IOException;
  }

  /** A program that reads all, and before the first byte something happens. */
  private static final class Reading implements PostgresPrograms {
    private final ByteArrayOutputStream read = new ByteArrayOutputStream();
    private final Event event;

    Reading(Event event) {
      this.event = event;
    }

    @Override
    public String place() {
      return "a test";
    }

    @Override
    public String version(String program) {
      return "17";
    }

    @Override
    public Ended run(List<String> command, Input input, OutputStream output) throws IOException {
      event.happen();
      input.stream().transferTo(read);
      return new Ended(0, "");
    }

    @Override
    public PlacedFile place(String name, byte[] content) throws IOException {
      throw new IOException("nothing is placed in this test");
    }
  }
}
