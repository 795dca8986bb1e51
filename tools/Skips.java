import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lib.Failure;
import lib.Programs;
import lib.Reports;
import lib.Reports.Test;
import lib.Tool;

/**
 * Fails where a test was skipped that may not be. Run in the repository's root:
 *
 * <pre>java tools/Skips.java LIST MODULE...</pre>
 *
 * <p>LIST has a line for each test that may be skipped, in columns with two spaces or more between
 * them: where (kind, where Docker answers; bare, where it does not; any), MODULE/CLASS#METHOD with
 * * for anything, and why. A MODULE is a folder of Maven's. A class that was skipped as a whole is
 * in no report of Surefire's, so that each class of tests has to be in one; but for those of the
 * full level, unless LEVEL=full is in the environment: they are counted apart, since the gate
 * leaves them out.
 */
final class Skips {
  /** What leaves a class or a method to the full level. */
  private static final Pattern FULL = Pattern.compile("@Tag\\(\"full\"\\)");

  private static final Pattern TYPE = Pattern.compile("(?m)^(public |final |abstract )*class ");

  private Skips() {}

  private record Allowed(String where, Pattern test) {
    static Allowed parse(String line) {
      String[] columns = line.strip().split(" {2,}", 3);
      if (columns.length < 3 || !List.of("any", "bare", "kind").contains(columns[0])) {
        throw new Failure("not WHERE  MODULE/CLASS#METHOD  REASON: " + line);
      }
      String pattern =
          Stream.of(columns[1].split("\\*", -1))
              .map(Pattern::quote)
              .collect(Collectors.joining(".*"));
      return new Allowed(columns[0], Pattern.compile(pattern));
    }
  }

  /**
   * A class of tests.
   *
   * @param name MODULE/CLASS#
   * @param whole whether all of it is of the full level
   * @param marks how often it says so, of itself or of a method
   */
  private record Source(String name, boolean whole, long marks) {
    static Source of(String module, Path file) {
      try {
        String text = Files.readString(file);
        String[] parts = TYPE.split(text, 2);
        return new Source(
            module + "/" + file.getFileName().toString().replace(".java", "#"),
            FULL.matcher(parts[0]).find(),
            FULL.matcher(text).results().count());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> check(arguments));
  }

  private static void check(String[] arguments) throws Exception {
    boolean full = "full".equals(System.getenv("LEVEL"));
    List<Allowed> allowed = allowed(Path.of(arguments[0]));
    List<String> refused = new ArrayList<>();
    for (String module : List.of(arguments).subList(1, arguments.length)) {
      List<Test> tests = Reports.of(module);
      if (tests.isEmpty()) {
        throw new Failure("no test was run: there is no report in " + module);
      }
      List<Source> sources = sources(module);
      sources.stream()
          .filter(source -> full || !source.whole)
          .filter(source -> tests.stream().noneMatch(test -> test.name().startsWith(source.name)))
          .map(source -> new Test(source.name, 0, "no test of the class was run"))
          .toList()
          .forEach(tests::add);
      List<Test> skipped = tests.stream().filter(test -> !test.skipped().isEmpty()).toList();
      skipped.stream()
          .filter(
              test -> allowed.stream().noneMatch(line -> line.test.matcher(test.name()).matches()))
          .forEach(test -> refused.add("  %s: %s".formatted(test.name(), test.skipped())));
      long left = full ? 0 : sources.stream().mapToLong(Source::marks).sum();
      System.out.printf(
          "%s: %d tests, %d skipped, %d classes or methods left to the full level%n",
          module, tests.size(), skipped.size(), left);
    }
    if (!refused.isEmpty()) {
      throw new Failure(
          """
          skipped without a reason in %s:
          %s
          Next: give the machine what they need, or add a line to %s with the reason.\
          """
              .formatted(arguments[0], String.join("\n", refused), arguments[0]));
    }
  }

  private static List<Allowed> allowed(Path list) throws IOException, InterruptedException {
    String where =
        Programs.find("docker").isPresent() && Programs.succeeds("docker", "info")
            ? "kind"
            : "bare";
    return Files.readAllLines(list).stream()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .map(Allowed::parse)
        .filter(line -> line.where.equals("any") || line.where.equals(where))
        .toList();
  }

  private static List<Source> sources(String module) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of(module, "src/test/java"))) {
      return files
          .filter(file -> file.getFileName().toString().endsWith("Test.java"))
          .map(file -> Source.of(module, file))
          .toList();
    }
  }
}
