package org.learnflow.db.seed;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.learnflow.db.Meter;
import org.learnflow.db.postgres.Sql;

/**
 * A CSV seed file, {@code <order>_<table>.csv}. Its first line names the columns; the rest is in
 * PostgreSQL's CSV format, where an empty field is null and {@code ""} an empty string.
 *
 * @param path the file
 * @param table the table it seeds, as in the file's name
 * @param columns its columns, in order
 */
record SeedCsv(Path path, String table, List<SeedColumn> columns) {
  private static final int LONGEST_HEADER = 1 << 20;

  /** Reads the file's name and first line. */
  static SeedCsv read(Path path) {
    String table =
        SeedTable.of(path)
            .filter(name -> !Sql.parts(name).isEmpty())
            .orElseThrow(() ->
                SeedFailures.at(
                    path.toString(),
                    "a seed file is named <order>_<table>.csv, such as 01_users.csv; put a table"
                        + " name that contains a space or a dot in double quotes"));
    List<SeedColumn> columns = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (String cell : header(path)) {
      SeedColumn column =
          SeedColumn.parse(cell)
              .orElseThrow(() ->
                  SeedFailures.at(
                      path + ", line 1",
                      "\"%s\" is not a valid column: write name, name (key), name -> table.column or name -> table.column (key); put a name with a space in double quotes"
                          .formatted(cell)));
      if (!names.add(column.name())) {
        throw SeedFailures.at(path + ", line 1", "column " + column.name() + " appears twice");
      }
      columns.add(column);
    }
    if (columns.stream().noneMatch(SeedColumn::key)) {
      throw SeedFailures.at(
          path + ", line 1", "no column is marked (key), so existing rows cannot be recognized");
    }
    return new SeedCsv(path, table, List.copyOf(columns));
  }

  private static List<String> header(Path path) {
    try (InputStream content = NormalizedInput.of(path)) {
      String line = new String(firstLine(path, content), StandardCharsets.UTF_8);
      if (line.isBlank()) {
        throw SeedFailures.at(
            path + ", line 1", "the file is empty; its first line names the columns");
      }
      if (line.chars().filter(c -> c == '"').count() % 2 != 0) {
        throw SeedFailures.at(path + ", line 1", "a quote in the first line is not closed");
      }
      try (CsvReader<CsvRecord> reader = CsvReader.builder().ofCsvRecord(line)) {
        return reader.stream().findFirst().map(CsvRecord::getFields).orElse(List.of());
      } catch (CsvParseException e) {
        throw SeedFailures.at(
                path + ", line 1", "the first line is not valid CSV: " + e.getMessage())
            .causedBy(e);
      }
    } catch (IOException e) {
      throw SeedFailures.reading(path, e);
    }
  }

  /** Everything up to and including the first line feed. */
  private static byte[] firstLine(Path path, InputStream content) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int octet = content.read(); octet >= 0; octet = content.read()) {
      line.write(octet);
      if (line.size() > LONGEST_HEADER) {
        throw SeedFailures.at(
            path + ", line 1", "the first line, which names the columns, is longer than 1 MiB");
      }
      if (octet == '\n') {
        break;
      }
    }
    return line.toByteArray();
  }

  /** The rows as COPY reads them, with the first line ({@code HEADER}), normalised. */
  InputStream content() throws IOException {
    return NormalizedInput.of(path);
  }

  /** The same, which counts what is read. */
  InputStream content(Meter meter) throws IOException {
    return NormalizedInput.of(path, meter);
  }

  /**
   * The line on which row {@code number} begins.
   *
   * @param number counted from 1, without the first line
   */
  long lineOfRow(long number) {
    return lineOfFirstRow((row, lastLine) -> row == number);
  }

  /** The line on which the row begins that {@code line} is a part of. */
  long lineOfRowAt(long line) {
    return lineOfFirstRow((row, lastLine) -> lastLine >= line);
  }

  /** Whether a row is the wanted one. */
  @FunctionalInterface
  private interface RowTest {
    boolean test(long row, long lastLine);
  }

  /** Separates rows as COPY does: a line feed ends one unless a quote is open. */
  private long lineOfFirstRow(RowTest wanted) {
    long row = 0;
    long line = 1;
    long begin = 1;
    boolean quoted = false;
    byte[] buffer = new byte[1 << 16];
    try (InputStream content = content()) {
      for (int n = content.read(buffer); n >= 0; n = content.read(buffer)) {
        for (int i = 0; i < n; i++) {
          if (buffer[i] == '"') {
            quoted = !quoted;
          } else if (buffer[i] == '\n') {
            if (!quoted) {
              if (wanted.test(row, line)) {
                return begin;
              }
              row++;
              begin = line + 1;
            }
            line++;
          }
        }
      }
    } catch (IOException e) {
      throw SeedFailures.reading(path, e);
    }
    return begin; // the last row, which has no line end or an open quote
  }
}
