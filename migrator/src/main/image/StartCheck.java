import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import lib.Programs;

/**
 * Counts what makes a start slow, since times say little on a busy machine: classes that do not come
 * from the AOT cache, and sessions.
 *
 * @param java the JVM with its options
 * @param database the options that name it; nothing is left to do in it
 * @param work where its server's log is
 */
record StartCheck(
    String[] java, Map<String, String> environment, List<String> database, Path work) {
  /**
   * A start.
   *
   * @param classes at most so many do not come from the cache: what the JVM makes at run time, such
   *     as proxies of annotations, and a few events of the JDK. Each takes up to a millisecond
   * @param sessions of the owner, and of the service role, whose password is checked by a login
   */
  private record Start(String command, boolean withDatabase, int classes, int sessions) {
    String name() {
      return command.replaceFirst("(?<=.) --.*", "");
    }
  }

  private static final List<Start> STARTS =
      List.of(
          new Start("run", true, 52, 2),
          new Start("verify", true, 52, 2),
          new Start("connection", true, 33, 0),
          new Start(Training.ENSURE, false, 60, 0),
          new Start("--version", false, 14, 0));

  /**
   * Starts each command.
   *
   * @throws IllegalStateException if one loads too many classes or opens too many sessions
   */
  void check() throws IOException, InterruptedException {
    List<String> problems = new ArrayList<>();
    for (Start start : STARTS) {
      long before = sessions();
      List<String> classes = classes(start);
      long sessions = sessions() - before;
      System.err.printf(
          "image    %s: %d classes that are not in the AOT cache, %d sessions%n",
          start.name(), classes.size(), sessions);
      if (classes.size() > start.classes) {
        problems.add(
            "%s loads more than %d classes from elsewhere than the AOT cache:%n%s"
                .formatted(start.name(), start.classes, String.join("\n", classes)));
      }
      if (sessions != start.sessions) {
        problems.add(
            "%s opens %d sessions, not %d".formatted(start.name(), sessions, start.sessions));
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalStateException(String.join("\n", problems));
    }
  }

  private List<String> classes(Start start) throws IOException, InterruptedException {
    Path log = work.resolve("classes.log");
    List<String> command = new ArrayList<>(Arrays.asList(java));
    command.add("-Xlog:class+load:file=%s:none".formatted(log));
    command.add(Training.MAIN);
    command.addAll(List.of(start.command.split(" ", -1)));
    if (start.withDatabase) {
      command.addAll(database);
    }
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    Programs.run(builder);
    try (var lines = Files.lines(log)) {
      return lines.filter(Predicate.not(line -> line.contains("shared objects file"))).toList();
    }
  }

  /** How many the server has let in. */
  private long sessions() throws IOException {
    try (var lines = Files.lines(work.resolve("postgresql/server.log"))) {
      return lines.filter(line -> line.contains("connection authorized:")).count();
    }
  }
}
