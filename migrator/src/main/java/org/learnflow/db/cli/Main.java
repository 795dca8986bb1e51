package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.io.Writer;
import java.security.Security;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.learnflow.db.Failure;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The program. */
@Command(
    name = "learnflow-db",
    description = "PostgreSQL for LearnFlow: roles, migrations, seeds, verification, publication.",
    footer = {
      "",
      "You can also set every option as LEARNFLOW_DB_<OPTION>, such as LEARNFLOW_DB_SEED_MODE.",
      "Exit codes: 0 done or healthy, 1 failed or unhealthy, 2 usage, 3 not deployed, 4 database"
          + " not reached in time, 5 credentials rejected, 6 a migration failed, 7 applied"
          + " migrations differ from the files, 8 seeding failed, 9 publishing failed, 10 refused"
          + " for safety."
    })
public final class Main extends StandardOptions {
  private static final List<Class<?>> COMMANDS =
      List.of(
          RunCommand.class,
          ReconcileCommand.class,
          RolesCommand.class,
          WaitCommand.class,
          MigrateCommand.class,
          PlanCommand.class,
          RollbackCommand.class,
          SeedCommand.class,
          VerifyCommand.class,
          PublishCommand.class,
          ConnectionCommand.class,
          StatusCommand.class,
          ReportCommand.class,
          DriftCommand.class,
          ReindexCommand.class,
          AdoptCommand.class,
          BackupCommand.class,
          OffsiteCommand.class,
          RestoreCommand.class,
          CredentialsCommand.class,
          CompletionCommand.class,
          CommandLine.HelpCommand.class);

  /** Which describe all commands. */
  private static final Set<String> ABOUT_ALL =
      Set.of(name(CommandLine.HelpCommand.class), name(CompletionCommand.class));

  private static final Set<String> VERSION = Set.of("-V", "--version");

  private Main() {}

  /** Runs a command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    prepare();
    PrintWriter out = new PrintWriter(System.out, true, java.nio.charset.StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, java.nio.charset.StandardCharsets.UTF_8);
    System.exit(execute(arguments, System.getenv(), out, err));
  }

  /**
   * The JVM would remember for 10 s that a name is unknown, while a new Service gets its DNS name.
   */
  static void prepare() {
    Security.setProperty("networkaddress.cache.negative.ttl", "1");
  }

  /**
   * Runs a command as {@link #main} does, without ending the process. Only the named command is set
   * up: to set up all of them takes longer than most of them run.
   *
   * @param environment stands for the process's environment variables
   * @return the exit code
   */
  public static int execute(
      String[] arguments, Map<String, String> environment, PrintWriter out, PrintWriter err) {
    try {
      List<String> words = List.of(arguments);
      return commandLine(commands(words), words, environment, out, err).execute(arguments);
    } catch (Error e) { // before a command began
      Failure failure = FailureHandler.unexpected(e);
      err.println(Printable.text(failure.text()));
      err.flush();
      return failure.code().value();
    }
  }

  /** The command that is named; none for the version, and all of them if none is named. */
  private static List<Class<?>> commands(List<String> arguments) {
    if (arguments.size() == 1 && VERSION.contains(arguments.getFirst())) {
      return List.of();
    }
    List<Class<?>> named =
        COMMANDS.stream()
            .filter(command -> !arguments.isEmpty() && name(command).equals(arguments.getFirst()))
            .filter(command -> !ABOUT_ALL.contains(name(command)))
            .toList();
    return named.isEmpty() ? COMMANDS : named;
  }

  /** Not read from the annotations, since that would read those of all commands at each start. */
  private static String name(Class<?> command) {
    return command.getSimpleName().replace("Command", "").toLowerCase(Locale.ROOT);
  }

  private static PodReport pod(Map<String, String> environment) {
    return new ClusterOptions(new Environment(environment)).podReport();
  }

  /** The names of a command's options; empty if there is no such command. */
  static Optional<Set<String>> options(String command) {
    PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
    CommandLine found = commandLine(Map.of(), nowhere, nowhere);
    for (String word : command.split(" ", -1)) {
      CommandLine next = found.getSubcommands().get(word);
      if (next == null) {
        return Optional.empty();
      }
      found = next;
    }
    return Optional.of(found.getCommandSpec().optionsMap().keySet());
  }

  /** The program with all its commands, for inspection. */
  public static CommandLine commandLine(
      Map<String, String> environment, PrintWriter out, PrintWriter err) {
    return commandLine(List.of(), environment, out, err);
  }

  /** The same for the words of a command line. */
  static CommandLine commandLine(
      List<String> arguments, Map<String, String> environment, PrintWriter out, PrintWriter err) {
    return commandLine(COMMANDS, arguments, environment, out, err);
  }

  private static CommandLine commandLine(
      List<Class<?>> commands,
      List<String> arguments,
      Map<String, String> environment,
      PrintWriter out,
      PrintWriter err) {
    CommandLine commandLine = new CommandLine(new Main(), new EnvironmentFactory(environment));
    commands.forEach(command -> commandLine.addSubcommand(name(command), command));
    commandLine.setOut(out);
    commandLine.setErr(err);
    commandLine.setDefaultValueProvider(new EnvironmentDefaults(environment, arguments));
    // A value such as ${user.home}, $$ or @x is taken literally.
    commandLine.setInterpolateVariables(false);
    commandLine.setExpandAtFiles(false);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setExecutionExceptionHandler(new FailureHandler());
    commandLine.setParameterExceptionHandler(new UsageHandler(pod(environment)));
    commandLine.setExecutionStrategy(parsed -> {
      GivenOptions.refuseEmpty(parsed);
      return new CommandLine.RunLast().execute(parsed);
    });
    return commandLine;
  }
}
