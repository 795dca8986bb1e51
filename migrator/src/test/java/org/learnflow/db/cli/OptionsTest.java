package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Options and the environment: what wins, what is refused, and what is never repeated. */
@ExtendWith(PostgresExtension.class)
class OptionsTest {
  private static final Cli NOTHING = new Cli(Map.of());

  static Stream<String> commands() {
    return leaves(commandLine())
        .map(command -> command.getCommandSpec().qualifiedName().replace("learnflow-db ", ""));
  }

  /** Commands that do something, such as credentials ensure. */
  static Stream<CommandLine> leaves(CommandLine command) {
    return command.getSubcommands().isEmpty()
        ? Stream.of(command).filter(leaf -> leaf.getCommand() instanceof BaseCommand)
        : command.getSubcommands().values().stream().flatMap(OptionsTest::leaves);
  }

  static CommandLine commandLine() {
    return Main.commandLine(
        Map.of(), new PrintWriter(new StringWriter()), new PrintWriter(new StringWriter()));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasHelp(String command) {
    CliResult help = NOTHING.run((command + " --help").split(" ", -1));
    assertThat(help).exited(ExitCode.OK).doesNotSay("error");
    assertThat(help.out())
        .startsWith("Usage: learnflow-db " + command + " ")
        .contains("--output", "--verbose", "-h, --help", "-V, --version")
        .doesNotContain("--password=", "--password ", "${");
    assertThat(NOTHING.run((command + " -h").split(" ", -1)).out()).isEqualTo(help.out());
  }

  @Test
  void theProgramItselfHasHelpWithAllCommandsAndExitCodes() {
    CliResult help = NOTHING.run("--help");
    assertThat(help).exited(ExitCode.OK);
    assertThat(help.out())
        .contains("-h, --help", "-V, --version")
        .doesNotContain("${")
        .contains(
            commandLine().getSubcommands().entrySet().stream()
                .filter(command -> !command.getValue().getCommandSpec().usageMessage().hidden())
                .map(Map.Entry::getKey)
                .toList());
    for (ExitCode code : ExitCode.values()) {
      assertThat(help.out().replaceAll("\\s+", " ")).containsPattern("[ ,]" + code.value() + " ");
    }
  }

  @Test
  void everyOptionIsAlsoAnEnvironmentVariableOfItsName() {
    Map<String, String> byVariable = new TreeMap<>();
    for (CommandLine command : leaves(commandLine()).toList()) {
      for (OptionSpec option : command.getCommandSpec().options()) {
        if (option.usageHelp() || option.versionHelp()) {
          continue;
        }
        String variable =
            "LEARNFLOW_DB_"
                + option
                    .longestName()
                    .substring(2)
                    .replace('-', '_')
                    .toUpperCase(java.util.Locale.ROOT);
        assertThat(option.longestName()).startsWith("--");
        assertThat(byVariable.getOrDefault(variable, option.longestName()))
            .isEqualTo(option.longestName());
        byVariable.put(variable, option.longestName());
        assertThat(read(command, option, variable))
            .as("%s of %s", variable, command.getCommandSpec().qualifiedName())
            .isEqualTo(sample(option));
      }
    }
    assertThat(byVariable)
        .containsKeys(
            "LEARNFLOW_DB_DATABASE", "LEARNFLOW_DB_SEED_MODE", "LEARNFLOW_DB_PUBLISH_NAMESPACES");
  }

  private static String sample(OptionSpec option) {
    if (option.type() == boolean.class) {
      return "true";
    }
    if (option.type() == int.class || option.type() == Integer.class) {
      return "7";
    }
    if (option.type().isEnum()) {
      return String.valueOf(option.type().getEnumConstants()[1]);
    }
    if (!List.class.isAssignableFrom(option.type())) {
      return "some$value";
    }
    Class<?> element = option.auxiliaryTypes()[0];
    return element.isEnum() ? Arrays.toString(element.getEnumConstants()) : "[a, b]";
  }

  /** The option's value as picocli reads it when only the variable is set. */
  private static String read(CommandLine command, OptionSpec option, String variable) {
    String value = sample(option).replaceAll("[\\[\\] ]", "");
    return read(command, option, Map.of(variable, value), List.of());
  }

  private static String read(
      CommandLine command, OptionSpec option, Map<String, String> environment, List<String> more) {
    List<String> words =
        new ArrayList<>(List.of(command.getCommandSpec().qualifiedName().split(" ", -1)));
    words.removeFirst();
    words.addAll(more);
    CommandLine commandLine =
        Main.commandLine(
            words,
            environment,
            new PrintWriter(new StringWriter()),
            new PrintWriter(new StringWriter()));
    CommandLine.ParseResult parsed = commandLine.parseArgs(words.toArray(String[]::new));
    while (parsed.hasSubcommand()) {
      parsed = parsed.subcommand();
    }
    Object value = parsed.commandSpec().findOption(option.longestName()).getValue();
    return String.valueOf(value);
  }

  @Test
  void aFlagThatIsGivenByBothIsGiven() {
    List<String> flags = new ArrayList<>();
    for (CommandLine command : leaves(commandLine()).toList()) {
      for (OptionSpec option : command.getCommandSpec().options()) {
        if (option.arity().max() == 0 && !option.usageHelp() && !option.versionHelp()) {
          Map<String, String> environment = Map.of(EnvironmentDefaults.variable(option), "true");
          for (String name : option.names()) {
            flags.add(name);
            assertThat(read(command, option, environment, List.of(name)))
                .as("%s of %s", name, command.getCommandSpec().qualifiedName())
                .isEqualTo("true");
          }
        }
      }
    }
    assertThat(flags).contains("--yes", "--replace", "-v");
  }

  @Test
  void anArgumentWinsOverTheEnvironment() {
    Cli cli = new Cli(Map.of("LEARNFLOW_DB_DATABASE", "postgresql://u@environment/d"));
    Cli withPassword = cli.with("LEARNFLOW_DB_APP_PASSWORD_FILE", passwordFile("pw"));
    assertThat(withPassword.run("connection").out()).startsWith("Host: environment\n");
    assertThat(withPassword.run("connection", "--database", "postgresql://u@argument/d").out())
        .startsWith("Host: argument\n");
    assertThat(
            withPassword.with("DATABASE_URL", "postgresql://u@standard/d").run("connection").out())
        .startsWith("Host: environment\n");
    assertThat(
            withPassword
                .with("LEARNFLOW_DB_DATABASE", "")
                .with("DATABASE_URL", "postgresql://u@standard/d")
                .run("connection")
                .out())
        .startsWith("Host: standard\n");
  }

  @Test
  void withoutADatabaseTheWaysToNameOneAreTold() {
    assertThat(NOTHING.run("wait"))
        .exited(ExitCode.USAGE)
        .says(
            "no database is specified",
            "--database URI, DATABASE_URL, --release NAME or --embedded DIR");
  }

  @Test
  void thePasswordComesFromTheFileElsePgpasswordElseDatabaseUrl(TestDatabase database) {
    database.withRoles();
    String password = database.password(database.owner()).value();
    Cli none =
        new Cli(Map.of("LEARNFLOW_DB_TIMEOUT", "5s", "LEARNFLOW_DB_DATABASE", database.uri()));
    String url = database.uri().replace("@", ":" + password + "@");
    String wrongUrl = database.uri().replace("@", ":wrong@");
    Cli byUrl = none.without("LEARNFLOW_DB_DATABASE").with("DATABASE_URL", url);
    assertThat(byUrl.run("wait")).exited(ExitCode.OK);
    assertThat(none.with("PGPASSWORD", password).run("wait")).exited(ExitCode.OK);
    assertThat(byUrl.with("DATABASE_URL", wrongUrl).with("PGPASSWORD", password).run("wait"))
        .exited(ExitCode.OK);
    assertThat(byUrl.with("PGPASSWORD", "wrong").run("wait")).exited(ExitCode.CREDENTIALS_REFUSED);
    assertThat(
            none.with("PGPASSWORD", "wrong").run("wait", "--password-file", passwordFile(password)))
        .exited(ExitCode.OK);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "\r\n"})
  void aPasswordFileMayEndWithANewline(String end) {
    assertThat(shown(Map.of("LEARNFLOW_DB_APP_PASSWORD_FILE", passwordFile(" pass word " + end))))
        .contains("Password:  pass word \n");
  }

  @Test
  void anEmptyOrMissingPasswordFileIsNamed(@TempDir Path directory) {
    String empty = passwordFile("\n");
    for (String option :
        new String[] {"--password-file", "--admin-password-file", "--app-password-file"}) {
      assertThat(
              NOTHING.run(
                  "wait", "--database", "postgresql://u@h/d", "--admin-user", "a", option, empty))
          .exited(ExitCode.USAGE)
          .says("the file that " + option + " names is empty", "where: " + empty);
      String missing = directory.resolve("missing").toString();
      assertThat(
              NOTHING.run(
                  "wait", "--database", "postgresql://u@h/d", "--admin-user", "a", option, missing))
          .exited(ExitCode.USAGE)
          .says("the file that " + option + " names does not exist", "where: " + missing);
    }
  }

  /** "secret" stands for a password, wherever somebody may put one. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "wait --database postgresql://u:secret@h/d",
        "wait --database=postgresql://u:secret@h/d",
        "wait --database postgresql://u@h/d --password secret",
        "wait --database postgresql://u@h/d --password=secret",
        "wait --pasword=secret",
        "wait --pasword secret",
        "wait --pasword:secret",
        "wait -psecret",
        "wait -p secret",
        "wait -vpsecret",
        "wait secret",
        "wait postgresql://u:secret@h/d",
        "secret",
        "postgresql://u:secret@h/d",
        "wait --timeout --database=postgresql://u:secret@h/d",
        "wait --timeout=secret --database postgresql://u@h/d",
        "wait --output=secret",
        "wait --output secret",
        "connection --show-password=secret",
        "migrate --lock-retries=secret",
        "run --database postgresql://u@h/d --publish-to=secret",
        "migrate --database postgresql://u@h/d --target=secret",
        "rollback --database postgresql://u@h/d --to=secret",
        "rollback --to 1 --database postgresql://u@h/d --backup-max-age=secret",
        "wait --database secret",
      })
  void aWrongCommandLineIsAUsageErrorThatDoesNotRepeatWhatMayBeAPassword(String line) {
    for (String output : new String[] {"text", "json"}) {
      CliResult result =
          new Cli(
                  Map.of(
                      "LEARNFLOW_DB_MIGRATIONS",
                      TestFiles.migrations().toString(),
                      "LEARNFLOW_DB_SEEDS_DIR",
                      TestFiles.seeds().toString(),
                      "LEARNFLOW_DB_OUTPUT",
                      output,
                      "LEARNFLOW_DB_VERBOSE",
                      "true",
                      "LEARNFLOW_DB_TIMEOUT",
                      "0"))
              .run(line.split(" ", -1));
      assertThat(result).exited(ExitCode.USAGE).says("error: ", "next: ");
      assertThat(result.all()).doesNotContain("secret");
    }
  }

  @Test
  void aMistypedOptionOrCommandIsNamed() {
    assertThat(NOTHING.run("wait", "--pasword=x"))
        .exited(ExitCode.USAGE)
        .says(
            "unknown option --pasword; did you mean --password-file?\n",
            "learnflow-db wait --help");
    assertThat(NOTHING.run("wait", "--output", "xml"))
        .exited(ExitCode.USAGE)
        .says("--output", "text|json");
    assertThat(NOTHING.run("migrat")).exited(ExitCode.USAGE).says("command", "learnflow-db --help");
    assertThat(NOTHING.run()).exited(ExitCode.USAGE).says("command", "learnflow-db --help");
  }

  @Test
  void timesAreGivenAsPeopleWriteThem(TestDatabase database) {
    database.withRoles();
    for (String time : new String[] {"60", "60s", "500ms", "1m", "1h", "0"}) {
      assertThat(database.cli().run("wait", "--timeout", time, "--lock-timeout", time))
          .exited(ExitCode.OK);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1s", "1.5s", "1d", "ten", "60 s", "99999999999s", "٣s"})
  void aTimeThatCannotBeUsedIsAUsageError(String time, TestDatabase database) {
    for (String option : new String[] {"--timeout", "--lock-timeout"}) {
      assertThat(database.cli().run("wait", option + "=" + time))
          .exited(ExitCode.USAGE)
          .says(option + " is not a valid duration", "500ms, 60s, 5m or 1h");
    }
  }

  @Test
  void aTimeThatTheServerCannotTakeIsAUsageError(TestDatabase database) {
    database.withRoles();
    assertThat(database.cli().run("wait", "--lock-timeout", "500h")).exited(ExitCode.OK);
    assertThat(database.cli().run("wait", "--lock-timeout", "501h"))
        .exited(ExitCode.USAGE)
        .says("--lock-timeout is too long", "at most 500h");
  }

  @Test
  void embeddedAndDatabaseExcludeEachOther(@TempDir Path directory) {
    assertThat(
            NOTHING.run(
                "wait", "--embedded", directory.toString(), "--database", "postgresql://u@h/d"))
        .exited(ExitCode.USAGE)
        .says("--embedded and --database cannot be used together");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void wrongOptionsAreFoundBeforeAnythingIsChanged(TestDatabase database) throws Exception {
    for (String[] options :
        new String[][] {
          {"--target", "abc"}, {"--publish-to", "fil:x"}, {"--seeds", "nosuch"}, {"--timeout", "x"}
        }) {
      assertThat(database.cli().run("run", options[0], options[1])).exited(ExitCode.USAGE);
    }
    try (var connection =
            database.connect(org.learnflow.db.testing.PostgresServer.ADMIN, "postgres");
        var query = connection.prepareStatement("SELECT 1 FROM pg_roles WHERE rolname = ?")) {
      query.setString(1, database.owner());
      assertThat(query.executeQuery().next()).isFalse();
    }
  }

  @Test
  void seedsNoneLoadsNoSet(TestDatabase database) throws Exception {
    CliResult result = database.cli().run("run", "--seeds", "none");
    assertThat(result).exited(ExitCode.OK).answers("healthy");
    assertThat(result.out()).contains("0 seed sets loaded");
    assertThat(database.query("SELECT count(*) FROM curriculum")).containsExactly("0");
  }

  private static String shown(Map<String, String> environment) {
    return new Cli(environment)
        .with("LEARNFLOW_DB_DATABASE", "postgresql://u@h/d")
        .run("connection", "--show-password")
        .out();
  }

  private static String passwordFile(String content) {
    try {
      Path file = Files.createTempFile("learnflow-db-test-", "");
      file.toFile().deleteOnExit();
      return Files.writeString(file, content).toString();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
