package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A seed set with one large file, the same bytes each time; about 75 bytes a row. */
public final class SeedFile {
  public static final String SET = "big";

  public static final String TABLE =
      """
      CREATE TABLE bench_rows (
        id bigint PRIMARY KEY, name text NOT NULL, note text NOT NULL, amount integer NOT NULL)
      """;

  private static final List<String> TOPICS =
      List.of("array", "branch", "class", "closure", "function", "iterator", "list", "loop");

  private SeedFile() {}

  public static void write(Path seeds, int rows) throws IOException {
    var file = Files.createDirectories(seeds.resolve(SET)).resolve("01_bench_rows.csv");
    try (var csv = Files.newBufferedWriter(file)) {
      csv.write("id (key),name,note,amount\n");
      for (long id = 1; id <= rows; id++) {
        csv.write(row(id));
      }
    }
  }

  private static String row(long id) {
    long mixed = id * 0x9E3779B97F4A7C15L;
    var note =
        "learner explains %s with %s and %s"
            .formatted(topic(mixed >>> 32), topic(mixed >>> 40), topic(mixed >>> 48));
    if (id % 16 == 0) {
      note = '"' + note.replace(" and", ", and") + '"';
    }
    return id + ",row " + Long.toHexString(mixed >>> 28) + "," + note + "," + (mixed >>> 44) + "\n";
  }

  private static String topic(long bits) {
    return TOPICS.get((int) (bits & 7));
  }
}
