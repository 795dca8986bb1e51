package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Mistakes that people make when they type commands, and what they are told. */
@ExtendWith(PostgresExtension.class)
class MistakesTest {
  private static final String DATABASE = "postgresql://u@127.0.0.1:1/d";

  @TempDir private Path directory;
  private Cli cli = new Cli(Map.of());

  @BeforeEach
  void files() {
    cli =
        new Cli(
            Map.of(
                "LEARNFLOW_DB_MIGRATIONS",
                TestFiles.migrations().toString(),
                "LEARNFLOW_DB_SEEDS_DIR",
                TestFiles.seeds().toString()));
  }

  private CliResult run(String line) {
    return cli.run(line.split(" ", -1));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "migrat | unknown command \"migrat\"; did you mean migrate?",
        "Verify | unknown command \"Verify\"; did you mean verify?",
        "migrations | unknown command \"migrations\"; did you mean migrate?",
        "credentials rotat | unknown command \"rotat\"; did you mean rotate?",
        "deploy | unknown command; the commands are run, reconcile,",
        "help migrat | unknown command; the commands are run, reconcile,",
        "verify --relese x | unknown option --relese; did you mean --release",
        "verify --databse x | unknown option --databse; did you mean --database?",
        "--release x verify | unknown option --release; options follow the command: learnflow-db COMMAND --release",
        "verify --timeout 5s --timeout 6s | --timeout is given twice",
        "verify --timeout 5x --database "
            + DATABASE
            + " | --timeout is not a valid duration \"5x\"",
        "verify --database --release x | --database needs a value: URI",
        "verify --app-user --output=json | --app-user needs a value: ROLE",
        "verify --app-user -- | --app-user needs a value: ROLE",
        "verify --app-user | --app-user needs a value: ROLE",
        "verify --output xml | --output has an invalid value \"xml\"; expected: text|json",
        "migrate --lock-retries 3x | --lock-retries has an invalid value \"3x\"; expected: a whole number",
        "run --publish-to fil:x | --publish-to is not one of kubernetes, file:PATH and none"
            + " \"fil:x\"",
        "migrate --lock-retries -1 --database " + DATABASE + " | --lock-retries is below 0",
        "rollback --to 1 --lock-retries -1 --database " + DATABASE + " | --lock-retries is below 0",
        "rollback --to x | --to is not a valid version \"x\"",
        "run --embedded pom.xml | --embedded names a file, but a folder is required",
        "status --embedded pom.xml | --embedded names a file, but a folder is required",
        "verify --migrations pom.xml | pom.xml is a file, not a folder of migrations",
        "wait --database " + DATABASE + " --password-file src | cannot be read",
      })
  void aMistakeIsNamed(String line, String told) {
    assertThat(run(line)).exited(ExitCode.USAGE).says(told, "next: ").doesNotSay("pending");
  }

  @Test
  void helpIsACommandToo() {
    assertThat(run("help").out()).isEqualTo(run("--help").out()).contains("migrate", "help");
    assertThat(run("help run").out())
        .isEqualTo(run("run --help").out())
        .contains("Usage: learnflow-db run");
    assertThat(run("credentials help rotate").out())
        .contains("Usage: learnflow-db credentials rot");
    assertThat(run("")).exited(ExitCode.USAGE).doesNotSay("pending");
    assertThat(cli.run()).exited(ExitCode.USAGE).says("a command is missing").doesNotSay("pending");
  }

  @Test
  void everyCommandTellsItsVersion() {
    for (String command : OptionsTest.commands().toList()) {
      assertThat(run(command + " --version").out()).startsWith("learnflow-db ");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "TIMEOUT | 5x | wait | is not a valid duration \"5x\"",
        "LOCK_RETRIES | x | migrate | has an invalid value \"x\"; expected: a whole number",
        "OUTPUT | xml | wait | has an invalid value \"xml\"; expected: text|json",
        "YES | ja | restore a | has an invalid value \"ja\"; expected: true or false",
        "PUBLISH_TO | here | run | is not one of kubernetes, file:PATH and none",
        "TARGET | x | migrate | is not a valid version",
        "PASSWORD_FILE | /nope | wait | the file that LEARNFLOW_DB_PASSWORD_FILE names does not exist",
        "DATABASE | nonsense | wait | LEARNFLOW_DB_DATABASE cannot be used",
      })
  void aWrongVariableIsNamedAndNotItsOption(
      String variable, String value, String line, String told) {
    Cli given = cli.with("LEARNFLOW_DB_DATABASE", DATABASE).with("LEARNFLOW_DB_" + variable, value);
    String option = "--" + variable.toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    assertThat(given.run(line.split(" ", -1)))
        .exited(ExitCode.USAGE)
        .says("LEARNFLOW_DB_" + variable, told)
        .doesNotSay("error: " + option, "that " + option);
  }

  @Test
  void whatIsTypedIsNamedByItsOptionAlsoWhereTheVariableIsSet() {
    Cli given = cli.with("LEARNFLOW_DB_TIMEOUT", "5s").with("LEARNFLOW_DB_LOCK_RETRIES", "3");
    assertThat(given.run("wait", "--timeout", "5x", "--database", DATABASE))
        .says("error: --timeout is not a valid duration");
    assertThat(given.run("migrate", "--lock-retries=x"))
        .says("error: --lock-retries has an invalid value");
  }

  /** Such as by "$NAMESPACE" where it is not set. */
  @Test
  void anEmptyValueIsRefusedByEveryOption() {
    List<String> refused = new ArrayList<>();
    for (CommandLine command :
        OptionsTest.leaves(
                Main.commandLine(
                    Map.of(),
                    new java.io.PrintWriter(java.io.Writer.nullWriter()),
                    new java.io.PrintWriter(java.io.Writer.nullWriter())))
            .toList()) {
      for (OptionSpec option : command.getCommandSpec().options()) {
        if (option.arity().max() == 0) {
          continue;
        }
        String line = command.getCommandSpec().qualifiedName().replace("learnflow-db ", "");
        List<String> words = new ArrayList<>(List.of(line.split(" ", -1)));
        words.addAll(List.of(option.longestName(), ""));
        CliResult result = cli.run(words.toArray(String[]::new));
        assertThat(result).exited(ExitCode.USAGE).says(option.longestName() + " is empty", "next:");
        refused.add(line + " " + option.longestName());
      }
    }
    assertThat(refused).contains("verify --namespace", "run --embedded", "seed --seeds");
    assertThat(cli.run("backup", "")).exited(ExitCode.USAGE).says("FILE is empty");
  }

  @Test
  void seedSetsAreListed() {
    assertThat(run("seed --seeds smaple --database " + DATABASE))
        .exited(ExitCode.USAGE)
        .says("there is no seed set \"smaple\"; there are reference, sample");
    assertThat(run("seed --seeds-dir nofolder --database " + DATABASE))
        .exited(ExitCode.USAGE)
        .says("the folder of seed sets cannot be read: nofolder: no such file or folder")
        .doesNotSay("there is no seed set");
    assertThat(run("seed --seeds-dir pom.xml --database " + DATABASE))
        .exited(ExitCode.USAGE)
        .says("pom.xml: it is not a folder");
    assertThat(run("seed --seeds-dir " + directory + " --database " + DATABASE))
        .exited(ExitCode.USAGE)
        .says("there is no seed set \"reference\"; there is none");
    assertThat(
            cli.run("seed", "--seeds", "reference, sample", "--timeout=0", "--database", DATABASE))
        .exited(ExitCode.NOT_REACHED);
  }

  @Test
  void publishingNowhereIsAMistake(TestDatabase database) {
    assertThat(database.cli().run("publish"))
        .exited(ExitCode.USAGE)
        .says("no place to publish is specified", "--publish-to file:PATH");
    assertThat(database.cli().run("publish", "--publish-to", "none"))
        .exited(ExitCode.USAGE)
        .says("--publish-to none leaves nothing to publish");
    CliResult run = database.cli().run("run");
    assertThat(run).exited(ExitCode.OK).answers("healthy").says("nowhere");
  }

  @Test
  void noClassOfJavaIsNamed(TestDatabase database) {
    database.cli().run("run");
    Path file = TestFiles.write(directory.resolve("file"), "");
    for (String to : new String[] {"/nope/x", "/proc/x", directory.toString(), file + "/x"}) {
      CliResult result = database.cli().run("publish", "--publish-to", "file:" + to);
      assertThat(result)
          .exited(ExitCode.PUBLISHING_FAILED)
          .says("error: the connection could not be written: /");
      assertNoClass(result);
    }
    assertThat(database.cli().run("publish", "--publish-to", "file:/nope/x"))
        .says("could not be written: /nope: the folder does not exist\n");
    CliResult embedded = cli.run("run", "--embedded", file + "/x");
    assertThat(embedded).exited(ExitCode.FAILED).says("unpacking", "correct this and run the same");
    assertNoClass(embedded);
  }

  private static void assertNoClass(CliResult result) {
    assertThat(result.all()).doesNotContain("Exception", "java.");
  }

  @Test
  void aClusterThatIsNotThereIsToldWithoutClassesOfJava() {
    String down =
        """
        {"apiVersion": "v1", "kind": "Config", "current-context": "a",
         "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
         "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:9"}}],
         "users": [{"name": "a", "user": {"token": "x"}}]}
        """;
    Cli process = cli.with("PATH", String.valueOf(System.getenv("PATH")));
    CliResult result = kubeconfig(process, down).start("verify", "--release", "x").await();
    assertThat(result).exited(ExitCode.FAILED);
    assertThat(result.lastLine())
        .isEqualTo("unhealthy: release: the Kubernetes API could not be reached: no connection");
    assertNoClass(result);

    for (String text : new String[] {"nonsense: [", "nonsense"}) {
      CliResult broken = kubeconfig(process, text).start("verify", "--release=x").await();
      assertThat(broken)
          .exited(ExitCode.USAGE)
          .says("the kubeconfig cannot be parsed", "kubectl config view")
          .doesNotSay("unexpected", "fabric8");
    }
    assertThat(kubeconfig(process, "a: [").start("verify", "--release=x").await())
        .says("the kubeconfig cannot be parsed, line ");

    CliResult none = process.with("KUBECONFIG", "/nope").start("verify", "--release=x").await();
    assertThat(none)
        .exited(ExitCode.USAGE)
        .answers("not checked: no cluster is selected: there is no kubeconfig with a context");
  }

  private Cli kubeconfig(Cli process, String text) {
    return process.with(
        "KUBECONFIG", TestFiles.write(directory.resolve("kubeconfig"), text).toString());
  }

  @Test
  void verifyWithoutADatabaseHasAVerdictAndSaysEachThingOnce() throws Exception {
    CliResult result = run("verify");
    assertThat(result).exited(ExitCode.USAGE).answers("not checked: no database is specified");
    assertThat(result.err().lines().filter(line -> line.contains("--embedded DIR"))).hasSize(1);
    assertThat(run("verify --output json").out()).startsWith("{\"error\":{\"exitCode\":2,");
  }

  /** An option that is in the environment is there for the next command too. */
  @Test
  void theNextCommandCanBePasted(TestDatabase database) {
    String password = database.passwords().file(database.owner()).toString();
    Cli other =
        database.cli().without("LEARNFLOW_DB_DATABASE").without("LEARNFLOW_DB_PASSWORD_FILE");
    String uri = database.uri() + "?sslmode=prefer";
    String given = " --database '%s' --password-file %s".formatted(uri, password);
    database.cli().run("run");
    assertThat(other.run("migrate", "--target=99", "--database", uri, "--password-file", password))
        .exited(ExitCode.USAGE)
        .says("learnflow-db migrate" + given + " --dry-run\n");
    assertThat(other.run("restore", "--database", uri, "--password-file", password))
        .says(
            "learnflow-db restore" + given + " FILE, or learnflow-db restore" + given + " --drop");
    assertThat(database.cli().run("migrate", "--target=99"))
        .says("learnflow-db migrate --dry-run\n");
    assertThat(
            other.run(
                "publish",
                "--publish-to=file:/nope/x",
                "--database=" + uri,
                "--password-file",
                password,
                "--lock-timeout=5s"))
        .says("learnflow-db publish" + given + " --publish-to file:PATH\n");
    assertThat(cli.run("status", "--embedded", directory.toString()))
        .says("learnflow-db run --embedded " + directory + "\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"verify --relese x", "run --timeout", "wait --output xml", "migrat"})
  void aMistakeInAPodIsItsTerminationMessage(String line) throws Exception {
    Path log = TestFiles.write(directory.resolve("termination-log"), "");
    Cli pod =
        cli.with("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .with("LEARNFLOW_DB_TERMINATION_LOG", log.toString());
    CliResult result = pod.run(line.split(" ", -1));
    assertThat(result).exited(ExitCode.USAGE);
    String what = result.err().lines().findFirst().orElse("").replace("error: ", "");
    assertThat(Files.readString(log))
        .startsWith(what + "; next: learnflow-db")
        .doesNotContain("\n");
  }

  @Test
  void aFileNameThatTheLocaleLacksIsExplained() {
    Cli ascii = cli.with("LC_ALL", "C");
    CliResult result = ascii.start("backup", "d\u00fcmp", "--database", DATABASE).await();
    assertThat(result)
        .exited(ExitCode.USAGE)
        .says("FILE is a file name with characters that the locale", "export LC_ALL=C.UTF-8");
  }

  @Test
  void backupSaysThatADemoNeedsProgramsToo(TestDatabase database) {
    database.withRoles();
    assertThat(
            database
                .cli()
                .run("backup", directory.resolve("a").toString(), "--pg-dump-dir=" + directory))
        .exited(ExitCode.REFUSED)
        .says("learnflow-db does not include it", "a demo (--embedded) needs it, too");
  }
}
