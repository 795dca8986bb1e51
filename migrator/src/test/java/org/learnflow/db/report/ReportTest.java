package org.learnflow.db.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;
import org.learnflow.db.verify.Runs;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** What a report says, that it can do no harm, and which files it replaces. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class ReportTest {
  private static final Set<String> HARMLESS =
      Set.of(
          "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "nav",
          "section", "div", "span", "p", "h1", "h2", "a", "b", "ul", "li", "dl", "dt", "dd",
          "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg", "g", "rect",
          "path", "text");

  private static final Duration LIMIT = Duration.ofSeconds(8);

  @TempDir private Path directory;
  private TestDatabase database;
  private Path file;

  @BeforeEach
  void makeRoles(TestDatabase empty) {
    database = empty.withRoles();
    file = directory.resolve("report.html");
  }

  private Document report(Cli cli, String... options) throws Exception {
    List<String> words = new ArrayList<>(List.of("report", file.toString()));
    words.addAll(List.of(options));
    assertThat(cli.run(words.toArray(String[]::new)))
        .exited(ExitCode.OK)
        .answers("report written to " + file);
    return harmless(TestFiles.read(file));
  }

  /** The page as XML, which it is only if everything in it is escaped. */
  private Document harmless(String page) throws Exception {
    assertThat(page).startsWith(ReportPage.MARKER);
    Document document =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new InputSource(new StringReader(page)));
    NodeList elements = document.getElementsByTagName("*");
    for (int i = 0; i < elements.getLength(); i++) {
      Element element = (Element) elements.item(i);
      assertThat(HARMLESS).contains(element.getTagName());
      NamedNodeMap attributes = element.getAttributes();
      for (int j = 0; j < attributes.getLength(); j++) {
        String name = attributes.item(j).getNodeName();
        assertThat(name).doesNotStartWith("on").isNotEqualTo("src");
        if (name.equals("href")) {
          assertThat(attributes.item(j).getNodeValue()).startsWith("#");
        }
      }
    }
    assertThat(document.getElementsByTagName("style").item(0).getTextContent())
        .doesNotContain("url(", "@import");
    for (String role : List.of(database.owner(), database.service(), PostgresServer.ADMIN)) {
      assertThat(page)
          .doesNotContain(
              role.equals(PostgresServer.ADMIN)
                  ? database.server().adminPassword().value()
                  : database.password(role).value());
    }
    return document;
  }

  private static String section(Document document, String id) {
    NodeList sections = document.getElementsByTagName("section");
    return IntStream.range(0, sections.getLength())
        .mapToObj(i -> (Element) sections.item(i))
        .filter(element -> element.getAttribute("id").equals(id))
        .map(Element::getTextContent)
        .findFirst()
        .orElseThrow();
  }

  private static Stream<String> tables(Document document) {
    NodeList texts = document.getElementsByTagName("text");
    return IntStream.range(0, texts.getLength())
        .mapToObj(i -> (Element) texts.item(i))
        .filter(element -> element.getAttribute("class").equals("name"))
        .map(Element::getTextContent);
  }

  @Test
  void aDatabaseWithoutAnyDumpIsReported() throws Exception {
    assertThat(database.cli().run("migrate")).exited(ExitCode.OK);
    assertThat(database.cli().run("seed")).exited(ExitCode.OK);
    Document page = report(database.cli());
    assertThat(section(page, "health"))
        .contains("reachable", "rights", "drift")
        .doesNotContain("broken");
    assertThat(section(page, "database"))
        .contains(
            database.uri(), "PostgreSQL 17", "009 (9 migrations applied)", "reference (skip)");
    assertThat(section(page, "migrations")).contains("None: the schema is at 009.");
    assertThat(section(page, "runs")).contains("migrate", "good", "009");
    assertThat(section(page, "dumps")).contains("none is recorded", "was not tried");
    assertThat(section(page, "services")).contains(database.service(), "read and write all rows");
    assertThat(tables(page))
        .containsExactlyInAnyOrder(
            "users",
            "curriculum",
            "exercises",
            "submissions",
            "progress",
            "code_executions",
            "struggle_alerts");
    assertThat(section(page, "schema")).contains("submissions_user_id_fkey", "timestamptz");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .as("for colleagues")
        .startsWith("rw-r");
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left.map(each -> each.getFileName().toString()))
          .doesNotContain(".tmp")
          .noneMatch(name -> name.endsWith(".tmp"));
    }
  }

  @Test
  void pendingMigrationsAreShownWithWhatTheyLock() throws Exception {
    MigrationDirectory migrations =
        new MigrationDirectory(directory.resolve("migrations"))
            .with("V001__tables.sql", "CREATE TABLE learner (id int PRIMARY KEY);");
    Cli cli = migrations.cli(database).with("LEARNFLOW_DB_SEEDS", "none");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    migrations.with("V002__age.sql", "ALTER TABLE learner ADD COLUMN age int;");
    assertThat(section(report(cli), "migrations"))
        .contains("V002__age.sql", "learner", "ACCESS EXCLUSIVE", "reads and writes", "0.0 MiB");
    assertThat(section(report(cli, "--no-plan"), "migrations"))
        .contains("V002__age.sql", "What they would lock is unknown", "--no-plan")
        .doesNotContain("ACCESS EXCLUSIVE");
    migrations.with("V003__wrong.sql", "ALTER TABLE no_such_table ADD COLUMN age int;");
    assertThat(section(report(cli), "migrations"))
        .contains("V003__wrong.sql", "What they would lock is unknown", "no_such_table", "V003");
    assertThat(database.query(PostgresServer.ADMIN, "SELECT datname FROM pg_database"))
        .noneMatch(name -> name.startsWith("learnflow_db_scratch_"));
  }

  @Test
  void runsAndDumpsAreShown() throws Exception {
    assertThat(database.cli().run("migrate")).exited(ExitCode.OK);
    database.execute(database.owner(), "DELETE FROM learnflow_db.runs");
    database.execute(
        database.owner(),
        """
        INSERT INTO learnflow_db.runs (command, started_at, seconds, failure, schema_version, pending, steps, program) VALUES
          ('run', '2026-11-29 10:00:00+02', 1.234, '', '008', 1, '{"verify": 0.5, "wait": 0.01, "migrate": 0.25}', '1.2.3'),
          ('migrate', '2026-11-29 11:00:00+02', 2, 'V009 failed: <b>', '008', 1, '{}', '1.2.4')
        """);
    database.execute(
        database.owner(),
        "INSERT INTO learnflow_db.backups (kind, name, bytes, sha256, schema_version, finished_at)"
            + " VALUES ('scheduled', 'a.dump', 1, 'x', '009', now() - interval '3 hours')");
    try (Connection owner = database.connect(database.owner())) {
      List<Runs.Run> runs = Runs.last(owner, 1);
      assertThat(runs).hasSize(1);
      assertThat(runs.getFirst().command()).isEqualTo("migrate");
      assertThat(runs.getFirst().startedAt()).isEqualTo("2026-11-29T09:00:00Z");
      assertThat(Runs.last(owner, 5).getLast().steps()).containsEntry("migrate", 0.25).hasSize(3);
    }
    Document page = report(database.cli().with("LEARNFLOW_DB_SEEDS", "none"));
    assertThat(section(page, "runs"))
        .contains("2026-11-29 08:00:00 UTC", "wait 0.01 s, migrate 0.25 s, verify 0.50 s", "1.2.3")
        .contains("V009 failed: <b>", "1.23 s");
    assertThat(section(page, "dumps")).contains("3 h ago (scheduled, schema 009): a.dump");
  }

  @Test
  void withoutItsTableThereAreNoRuns() throws SQLException {
    try (Connection owner = database.connect(database.owner())) {
      assertThat(Runs.last(owner, 5)).isEmpty();
    }
  }

  @Test
  void namesCannotDoHarm() throws Exception {
    List<String> names =
        List.of(
            "<script>alert(1)</script>",
            "\" onload=\"alert(1)",
            "'><img src=x onerror=alert(1)>",
            "</style><script>",
            "]]>&amp;",
            "\u202etxt.exe",
            "new\nline\u0001");
    for (String name : names) {
      String quoted = "\"" + name.replace("\"", "\"\"") + "\"";
      database.execute(
          database.owner(),
          "CREATE TABLE %1$s (%1$s int PRIMARY KEY, other int REFERENCES %1$s)".formatted(quoted));
    }
    Document page =
        report(
            new MigrationDirectory(directory.resolve("migrations"))
                .with("V001__nothing.sql", "SELECT 1;")
                .cli(database)
                .with("LEARNFLOW_DB_SEEDS", "none"));
    assertThat(tables(page))
        .hasSize(names.size())
        .contains("<script>alert(1)</script>", "]]>&amp;", "\\u202etxt.exe", "new\nline\\x01");
  }

  @Test
  void cyclesAndManyColumnsAreDrawn() throws Exception {
    database.execute(
        database.owner(),
        """
        CREATE SCHEMA other;
        CREATE TABLE a (id int PRIMARY KEY, b_id int);
        CREATE TABLE other.b (id int PRIMARY KEY, a_id int NOT NULL REFERENCES a);
        ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES other.b;
        CREATE TABLE c (id int, part int, a_id int NOT NULL REFERENCES a, b_id int NOT NULL REFERENCES other.b, PRIMARY KEY (id, part));
        CREATE TABLE d (c_id int, c_part int, FOREIGN KEY (c_id, c_part) REFERENCES c) PARTITION BY LIST (c_part);
        CREATE TABLE d1 PARTITION OF d FOR VALUES IN (1);
        """);
    database.execute(
        database.owner(),
        IntStream.range(0, 60)
            .mapToObj("c%d int"::formatted)
            .collect(
                java.util.stream.Collectors.joining(
                    ", ", "CREATE TABLE wide (", ", id int PRIMARY KEY)")));
    try (Connection owner = database.connect(database.owner())) {
      DatabaseTables tables = DatabaseTables.read(owner);
      assertThat(tables.tables().stream().map(DatabaseTables.Table::name))
          .containsExactly("a", "c", "d", "wide", "other.b");
      assertThat(tables.references()).as("once for all partitions").hasSize(5);
      TableLayout layout = TableLayout.of(tables);
      List<TableBox> boxes = List.copyOf(layout.boxes().values());
      assertThat(boxes).hasSize(5);
      for (TableBox one : boxes) {
        assertThat(one.right()).isLessThan(layout.width());
        assertThat(one.bottom()).isLessThan(layout.height());
        assertThat(boxes)
            .filteredOn(other -> !other.equals(one))
            .noneMatch(other ->
                other.x() < one.right()
                    && one.x() < other.right()
                    && other.y() < one.bottom()
                    && one.y() < other.bottom());
      }
      assertThat(TablePicture.of(tables)).contains("and 37 more columns", "c_id, c_part");
    }
  }

  @Test
  void ofThousandsOfTablesThoseWithForeignKeysAreShown() throws Exception {
    database.execute(
        database.owner(),
        """
        DO $$ BEGIN
          FOR i IN 1..2000 LOOP
            EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text)', i);
          END LOOP;
          FOR i IN 2..30 LOOP
            EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (id) REFERENCES t%s', i, i / 2);
          END LOOP;
        END $$
        """);
    try (Connection owner = database.connect(database.owner())) {
      long start = System.nanoTime();
      DatabaseTables tables = DatabaseTables.read(owner);
      String picture = TablePicture.of(tables);
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LIMIT);
      assertThat(tables.total()).isEqualTo(2000);
      assertThat(tables.tables()).hasSize(30);
      assertThat(picture).contains("30 tables and 29 foreign keys");
    }
    Document page =
        report(
            new MigrationDirectory(directory.resolve("migrations"))
                .with("V001__nothing.sql", "SELECT 1;")
                .cli(database)
                .with("LEARNFLOW_DB_SEEDS", "none"),
            "--no-plan");
    assertThat(section(page, "schema"))
        .contains("30 of 2,000 tables are shown", "1,970 are left out");
  }

  @Test
  void onlyReportsAreReplaced() throws Exception {
    Cli cli = database.cli();
    TestFiles.write(file, "<!DOCTYPE html>\n<p>mine</p>\n");
    assertThat(cli.run("report", file.toString()))
        .exited(ExitCode.REFUSED)
        .says("the file exists and is not a report of learnflow-db", "- is standard output");
    assertThat(file).hasContent("<!DOCTYPE html>\n<p>mine</p>");
    TestFiles.write(file, ReportPage.MARKER + "an older one");
    assertThat(section(report(cli, "--no-plan"), "health")).contains("broken", "migrations");
    Path link = Files.createSymbolicLink(directory.resolve("link.html"), file);
    assertThat(cli.run("report", link.toString())).exited(ExitCode.REFUSED);
    assertThat(cli.run("report")).exited(ExitCode.USAGE).says("no file is named");
    assertThat(cli.run("report", directory.toString()))
        .exited(ExitCode.USAGE)
        .says("it is a folder");
    assertThat(cli.run("report", directory.resolve("missing/report.html").toString()))
        .exited(ExitCode.USAGE)
        .says("the folder does not exist", "mkdir -p " + directory.resolve("missing"));
  }

  @Test
  void aReportCanGoToStandardOutput() throws Exception {
    CliResult result = database.cli().run("report", "-", "--no-plan");
    assertThat(result).exited(ExitCode.OK);
    harmless(result.out());
    assertThat(database.cli().run("report", "-", "--output", "json"))
        .exited(ExitCode.USAGE)
        .says("standard output");
  }

  @Test
  void aServerThatDoesNotAnswerLeavesNoFile() {
    assertThat(
            database
                .cli()
                .with("LEARNFLOW_DB_DATABASE", "postgresql://nobody@127.0.0.1:1/none")
                .run("report", file.toString(), "--timeout", "0s"))
        .exited(ExitCode.NOT_REACHED);
    assertThat(file).doesNotExist();
  }
}
