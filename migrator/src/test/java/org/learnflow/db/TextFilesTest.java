package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** A text is UTF-8, or it is refused with the place that is not; nothing is replaced in silence. */
@ExtendWith(PostgresExtension.class)
class TextFilesTest {
  /** What people save a file as; the text in it is {@code a}, a line end and {@code é}. */
  enum Saved {
    WINDOWS("WINDOWS-1252", "", ", line 2, byte 3", " is not in UTF-8", "iconv -f WINDOWS-1252"),
    UTF_16LE("UTF-16LE", "fffe", ", line 1, byte 1", " is in UTF-16, but ", "iconv -f UTF-16 -t "),
    UTF_16BE("UTF-16BE", "feff", ", line 1, byte 1", " is in UTF-16, but ", "iconv -f UTF-16 -t "),
    UTF_32LE("UTF-32LE", "fffe0000", ", line 1, byte 1", " is in UTF-32", "iconv -f UTF-32 -t "),
    UTF_32BE("UTF-32BE", "0000feff", ", line 1, byte 1", " is in UTF-32", "iconv -f UTF-32 -t "),
    WITHOUT_MARK("UTF-16LE", "", ", line 1, byte 2", " contains a zero byte", "iconv -f UTF-16LE");

    private final Charset charset;
    private final String mark;
    private final String place;
    private final String what;
    private final String next;

    Saved(String charset, String mark, String place, String what, String next) {
      this.charset = Charset.forName(charset);
      this.mark = mark;
      this.place = place;
      this.what = what;
      this.next = next;
    }

    byte[] bytes(String text) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      bytes.writeBytes(HexFormat.of().parseHex(mark));
      bytes.writeBytes(text.getBytes(charset));
      return bytes.toByteArray();
    }
  }

  /** A file that the program reads. */
  enum Kind {
    MIGRATION("migrations/V2__two.sql", ExitCode.MIGRATION_FAILED, "none of it was run"),
    UNDO_SCRIPT("migrations/U2__two.sql", ExitCode.MIGRATION_FAILED, "none of it was run"),
    SQL_SEED("seeds/reference/02_t.sql", ExitCode.SEEDING_FAILED, "none of this set was loaded"),
    CSV_SEED("seeds/reference/02_t.csv", "é\n", ", line 1, byte 1"),
    CSV_SEED_ROW("seeds/reference/02_t.csv", "a (key)\n\"x\ny\"\né\n", ", line 4, byte 15"),
    OBJECTS("migrations/objects.txt", ExitCode.FAILED, "nothing was changed"),
    PASSWORD("password", ExitCode.USAGE, "nothing was changed");

    private final String file;
    private final ExitCode code;
    private final String state;
    private final String text;
    private final String place;

    Kind(String file, ExitCode code, String state) {
      this(file, code, state, "", "");
    }

    Kind(String file, String text, String place) {
      this(file, ExitCode.SEEDING_FAILED, "none of this set was loaded", text, place);
    }

    Kind(String file, ExitCode code, String state, String text, String place) {
      this.file = file;
      this.code = code;
      this.state = state;
      this.text = text;
      this.place = place;
    }
  }

  @TempDir private Path directory = Path.of("");

  private Cli cli(TestDatabase database) {
    text("migrations/V1__one.sql", "CREATE TABLE t (a text PRIMARY KEY);");
    text("migrations/V2__two.sql", "CREATE TABLE two (a int);");
    text("seeds/reference/01_t.csv", "a (key)\none\n");
    return database
        .cli()
        .with("LEARNFLOW_DB_MIGRATIONS", directory.resolve("migrations").toString())
        .with("LEARNFLOW_DB_SEEDS_DIR", directory.resolve("seeds").toString());
  }

  private void text(String file, String text) {
    bytes(file, text.getBytes(StandardCharsets.UTF_8));
  }

  private Path bytes(String file, byte[] bytes) {
    Path path = directory.resolve(file);
    TestFiles.write(path, "");
    try {
      return Files.write(path, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Stream<Arguments> everyKind() {
    return Stream.of(Kind.values())
        .flatMap(kind -> Stream.of(Saved.values()).map(saved -> Arguments.of(kind, saved)));
  }

  /** {@code run} is what reads them all. */
  private static CliResult run(Cli cli, Kind kind, Path file) {
    return kind == Kind.PASSWORD
        ? cli.with("LEARNFLOW_DB_PASSWORD_FILE", file.toString()).run("run")
        : cli.run("run");
  }

  @ParameterizedTest
  @MethodSource("everyKind")
  void whatIsNotUtf8IsRefusedByFileLineAndByte(Kind kind, Saved saved, TestDatabase database)
      throws Exception {
    Cli cli = cli(database.withRoles());
    boolean csv = saved == Saved.WINDOWS && kind.file.endsWith(".csv");
    Path file = bytes(kind.file, saved.bytes(csv ? kind.text : "a\né"));
    String place = csv ? kind.place : saved.place;
    assertThat(run(cli, kind, file))
        .exited(kind.code)
        .says(
            "error: " + file.getFileName() + saved.what,
            "where: " + file + place + "\n",
            kind.state,
            "next: ",
            saved.next,
            "'" + file + "'")
        .doesNotSay("\uFFFD", "unexpected", "Exception");
    if (kind.code == ExitCode.SEEDING_FAILED) {
      assertThat(database.query("SELECT a FROM t")).isEmpty();
    }
    if (kind == Kind.UNDO_SCRIPT) {
      assertThat(database.query("SELECT to_regclass('flyway_schema_history') IS NULL"))
          .as("all ways back are read before anything is applied")
          .containsExactly("t");
    }
    if (kind == Kind.MIGRATION) {
      assertThat(database.query("SELECT version FROM flyway_schema_history")).containsExactly("1");
    }
  }

  /** The command that the message gives does what it says. */
  @ParameterizedTest
  @EnumSource(Saved.class)
  void theCommandThatIsGivenMakesItUtf8(Saved saved, TestDatabase database) throws Exception {
    Cli cli = cli(database.withRoles());
    Path file = bytes("seeds/reference/02 it's.sql", saved.bytes("INSERT INTO t VALUES ('é€');\n"));
    String next =
        cli.run("run").err().lines().filter(line -> line.contains("next: ")).findFirst().get();
    String command = next.replaceFirst(".*?(?=iconv -f)", "");
    assertThat(Programs.run(java.util.Map.of(), List.of("sh", "-c", command)).exitCode())
        .as(next)
        .isZero();
    assertThat(TestFiles.read(file)).isEqualTo("INSERT INTO t VALUES ('é€');\n");
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(database.query("SELECT a FROM t ORDER BY 1")).containsExactlyInAnyOrder("é€", "one");
  }

  /** It is as if the mark were not there, for what is applied and for its checksum. */
  @Test
  void aByteOrderMarkOfUtf8IsAccepted(TestDatabase database) throws Exception {
    Cli cli = cli(database.withRoles());
    text("migrations/V2__two.sql", "\uFEFFCREATE TABLE two (a int);");
    text("migrations/U2__two.sql", "\uFEFFDROP TABLE two;");
    text("migrations/objects.txt", "\uFEFFtable public.two\n");
    text("seeds/reference/02_t.sql", "\uFEFFINSERT INTO t VALUES ('two')");
    text("seeds/reference/03_t.csv", "\uFEFFa (key)\nthree\n");
    text("password", "\uFEFF" + database.password(database.owner()).value() + "\r\n");
    CliResult result =
        cli.with("LEARNFLOW_DB_PASSWORD_FILE", directory.resolve("password").toString()).run("run");
    assertThat(result).exited(ExitCode.OK);
    assertThat(database.query("SELECT a FROM t ORDER BY 1")).containsExactly("one", "three", "two");
    assertThat(cli.run("rollback", "--to", "1", "--yes", "--no-backup")).exited(ExitCode.OK);
  }

  /** Not in a text, a quoted name, a comment or behind a dollar sign. */
  private static final String NO_COMMANDS =
      """
      -- \\restrict
      /* \\connect */ INSERT INTO t VALUES ('\\gexec'), (E'\\\\x'), ($$\\$$), ($a$ \\d $a$), ($x$
      \\unrestrict
      $x$);
      """;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          \\restrict aBc  | delete the lines that begin with \\restrict and \\unrestrict
          \\unrestrict aBc | delete the lines that begin with \\restrict and \\unrestrict
          \\connect other | --create
          \\c other       | --create
          \\encoding LATIN1 | delete it
          \\echo don't    | delete it
          \\i other.sql   | put the statements of that file here
          \\set x 1       | write the value
          \\copy t from x | docs/reference/seeds.md
          SELECT 1 \\gexec | delete it
          """)
  void commandsOfPsqlAreNamed(String command, String next, TestDatabase database) throws Exception {
    Cli cli = cli(database.withRoles());
    String name = command.replaceFirst("[^\\\\]*(\\\\\\w+).*", "$1");
    String text = NO_COMMANDS + command + "\n\nINSERT INTO t VALUES ('x');\n";
    for (Kind kind : List.of(Kind.MIGRATION, Kind.UNDO_SCRIPT, Kind.SQL_SEED)) {
      text(kind.file, text);
      assertThat(run(cli, kind, directory))
          .exited(kind.code)
          .says(
              "error: \"" + name + "\" is a psql command, not SQL",
              "where: " + directory.resolve(kind.file) + ", line 5\n",
              kind.state,
              "next:  ",
              next)
          .doesNotSay("\\\\");
      text(kind.file, kind == Kind.MIGRATION ? "CREATE TABLE two (a int);" : "SELECT 1;");
    }
    text(Kind.SQL_SEED.file, NO_COMMANDS);
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(database.query("SELECT count(*) FROM t")).containsExactly("6");
  }

  /** Flyway feeds the rows of COPY; a seed has CSV files for them. */
  @Test
  void rowsBehindCopyAreLoadedByAMigrationAndRefusedInASeed(TestDatabase database)
      throws Exception {
    Cli cli = cli(database.withRoles());
    String copy = "COPY public.t (a) FROM stdin;\ndon't\n\\\\N\n\\.\n\nSELECT 1;\n";
    text(Kind.MIGRATION.file, copy);
    text(Kind.SQL_SEED.file, "SELECT 1;\n" + copy);
    assertThat(cli.run("run"))
        .exited(ExitCode.SEEDING_FAILED)
        .says(
            "error: only psql can read the rows after COPY ... FROM STDIN",
            "where: " + directory.resolve(Kind.SQL_SEED.file) + ", line 2\n",
            "CSV file",
            "pg_dump --inserts");
    assertThat(database.query("SELECT a FROM t ORDER BY 1")).containsExactly("\\N", "don't");
  }
}
