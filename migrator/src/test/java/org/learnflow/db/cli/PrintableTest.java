package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** What somebody else wrote does nothing to the terminal that shows it. */
@ExtendWith(PostgresExtension.class)
class PrintableTest {
  private static final String EVIL = "\u001b]0;pwned\u0007\u009b2J\u202eevil\u2066\u007f";
  private static final String SHOWN = "\\x1b]0;pwned\\x07\\x9b2J\\u202eevil\\u2066\\x7f";

  @Test
  void controlsAreWrittenAsNumbers() {
    assertThat(Printable.text("\u0000\b\u000b\r\u001f")).isEqualTo("\\x00\\x08\\x0b\\x0d\\x1f");
    assertThat(Printable.text("~\u007f\u0080\u009f\u00a0")).isEqualTo("~\\x7f\\x80\\x9f\u00a0");
    assertThat(Printable.text("\u2029\u202a\u202e\u202f\u2065\u2066\u2069\u206a"))
        .isEqualTo("\u2029\\u202a\\u202e\u202f\u2065\\u2066\\u2069\u206a");
    assertThat(Printable.text("é 漢 🐘 \\ $1 %s")).isEqualTo("é 漢 🐘 \\ $1 %s");
  }

  @Test
  void linesAndTabsStay() {
    assertThat(Printable.text("a\n\tb")).isEqualTo("a\n\tb");
  }

  @Test
  void jsonMeansTheSame() throws Exception {
    String json = Json.write(Map.of(EVIL, "a\nb" + EVIL));
    assertThat(json).matches("[ -~]*");
    assertThat(new ObjectMapper().readTree(json).get(EVIL).textValue()).isEqualTo("a\nb" + EVIL);
  }

  @Test
  void theTerminalsOwnLineIsStillErased() {
    StringWriter err = new StringWriter();
    ConsoleProgress progress = new ConsoleProgress(new PrintWriter(err), true, text -> text);
    progress.update("seed", EVIL);
    progress.line("seed", EVIL);
    assertThat(err.toString())
        .isEqualTo(
            "\r\u001b[K\u001b[?7lseed     "
                + SHOWN
                + "\u001b[?7h\r\u001b[Kseed     "
                + SHOWN
                + "\n");
  }

  @Test
  void aWrongOptionIsShownPrintable() {
    StringWriter err = new StringWriter();
    Main.execute(
        new String[] {"status", "-\u001bx"},
        Map.of(),
        new PrintWriter(new StringWriter()),
        new PrintWriter(err));
    assertThat(err.toString()).contains("unknown option -\\x1b").doesNotContain("\u001b");
  }

  @Test
  void aTablesNameIsShownPrintable(TestDatabase database) throws Exception {
    database.migrated();
    database.execute(database.owner(), "CREATE TABLE \"%s\" (id int)".formatted(EVIL));
    CliResult text = database.cli().run("drift");
    assertThat(text.out()).contains(SHOWN);
    assertThat(text.all()).doesNotContain("\u001b", "\u0007", "\u009b", "\u202e", "\u007f");
    CliResult json = database.cli().run("drift", "--output", "json");
    assertThat(json.out().strip()).matches("[ -~]*");
    assertThat(new ObjectMapper().readTree(json.out()).toString())
        .contains("pwned", "\u202eevil\u2066");
  }

  @Test
  void aMessageOfTheServerIsShownPrintableInThePodToo(
      TestDatabase database, @TempDir Path directory) throws Exception {
    database.withRoles();
    Path message = Files.createFile(directory.resolve("termination-log"));
    TestFiles.write(
        directory.resolve("seeds/reference/01_evil.sql"),
        "DO $$ BEGIN RAISE EXCEPTION '%', '" + EVIL + "'; END $$");
    CliResult result =
        database
            .cli()
            .with("LEARNFLOW_DB_SEEDS_DIR", directory.resolve("seeds").toString())
            .with("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .with("LEARNFLOW_DB_TERMINATION_LOG", message.toString())
            .run("seed", "-v", "--output", "json");
    assertThat(result).exited(ExitCode.SEEDING_FAILED).says(SHOWN);
    assertThat(result.all()).doesNotContain("\u001b", "\u0007", "\u009b", "\u202e", "\u007f");
    assertThat(message).content().contains(SHOWN).doesNotContain("\u001b");
  }
}
