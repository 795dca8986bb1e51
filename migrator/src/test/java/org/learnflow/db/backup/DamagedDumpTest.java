package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.TestDatabase;

/** Wherever a dump ends too early, it is found before anything is made on the server. */
class DamagedDumpTest {
  private static final int SPREAD = 40;

  /** Bytes of a number: its sign and four more, the lowest first. */
  private static final int INTEGER = 5;

  private static DumpServer server;

  @BeforeAll
  static void start(@TempDir Path directory) {
    server = DumpServer.oldest(directory);
  }

  @Test
  void cutAnywhereAlsoBetweenTwoTablesItIsRefused(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    DumpServer.fill(database, 20_000);
    byte[] whole = Files.readAllBytes(server.backup(database, folder));
    List<Integer> blocks = dataBlocks(whole);
    int tables =
        Integer.parseInt(
            database
                .query(
                    "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND oid >= 16384"
                        + " AND relnamespace::regnamespace::text IN ('public', 'learnflow_db')")
                .getFirst());
    assertThat(blocks).as("a block for each table").hasSize(tables);

    TreeSet<Integer> ends = new TreeSet<>(blocks);
    for (int i = 1; i <= SPREAD; i++) {
      ends.add((int) ((long) whole.length * i / (SPREAD + 1)));
    }
    ends.add(whole.length - 1);
    List<String> databases = DumpServer.databases(database);
    for (int end : ends) {
      // Beside it stands no description, whose SHA-256 would tell.
      Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(whole, end));
      assertThat(server.cli(database).run("restore", cut.toString(), "--replace", "--yes"))
          .as("cut at %d of %d", end, whole.length)
          .exited(ExitCode.REFUSED)
          .says("the dump is damaged", "the database was not changed");
    }
    assertThat(DumpServer.databases(database)).isEqualTo(databases);
    assertThat(database.query("SELECT count(*) FROM bulk")).containsExactly("20000");
    Path uncut = Files.write(folder.resolve("uncut"), whole);
    assertThat(server.cli(database).run("restore", uncut.toString(), "--replace", "--yes"))
        .exited(ExitCode.OK);
  }

  /**
   * Where each block of data begins in a dump in the custom format: the table of contents comes
   * first, and then block after block up to the end of the file; see PrintTocDataCustom in
   * PostgreSQL's src/bin/pg_dump/pg_backup_custom.c.
   */
  private static List<Integer> dataBlocks(byte[] dump) throws IOException {
    for (int start = 0; start < dump.length; start++) {
      List<Integer> starts = new ArrayList<>();
      int position = start;
      while (position >= 0 && position < dump.length) {
        starts.add(position);
        position = endOfBlock(dump, position);
      }
      if (position == dump.length) {
        return starts;
      }
    }
    throw new IOException("no blocks of data were found");
  }

  /** A block is its kind, the number of its table, and chunks; the last of them is empty. */
  private static int endOfBlock(byte[] dump, int start) {
    final int data = 1;
    if (dump[start] != data) {
      return -1;
    }
    int position = start + 1 + INTEGER;
    while (true) {
      int length = integer(dump, position);
      position += INTEGER;
      if (length == 0) {
        return position;
      }
      if (length < 0 || length > dump.length - position) {
        return -1;
      }
      position += length;
    }
  }

  /** A number that is not negative, else -1. */
  private static int integer(byte[] dump, int position) {
    return position + INTEGER > dump.length || dump[position] != 0
        ? -1
        : ByteBuffer.wrap(dump).order(ByteOrder.LITTLE_ENDIAN).getInt(position + 1);
  }
}
