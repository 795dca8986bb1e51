import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import lib.Failure;
import lib.Programs;
import lib.Tool;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/**
 * Fails where a test was skipped that may not be. Run in the repository's root:
 *
 * <pre>java tools/Skips.java LIST MODULE...</pre>
 *
 * <p>LIST has a line for each test that may be skipped, in columns with two spaces or more between
 * them: where (kind, where Docker answers; bare, where it does not; any), MODULE/CLASS#METHOD with
 * * for anything, and why. A MODULE is a folder of Maven's. A class that was skipped as a whole is
 * in no report of Surefire's, so that each class of tests has to be in one.
 */
final class Skips {
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

  /** Run or skipped; the reason is empty where it ran. */
  private record Test(String name, String skipped) {}

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> check(arguments));
  }

  private static void check(String[] arguments) throws Exception {
    String where = dockerAnswers() ? "kind" : "bare";
    List<Allowed> allowed =
        Files.readAllLines(Path.of(arguments[0])).stream()
            .filter(line -> !line.isBlank() && !line.startsWith("#"))
            .map(Allowed::parse)
            .filter(line -> line.where.equals("any") || line.where.equals(where))
            .toList();
    List<String> refused = new ArrayList<>();
    for (String module : List.of(arguments).subList(1, arguments.length)) {
      List<Test> tests = tests(module);
      if (tests.isEmpty()) {
        throw new Failure("no test was run: there is no report in " + module);
      }
      tests.addAll(notRun(module, tests));
      List<Test> skipped = tests.stream().filter(test -> !test.skipped.isEmpty()).toList();
      skipped.stream()
          .filter(
              test -> allowed.stream().noneMatch(line -> line.test.matcher(test.name).matches()))
          .forEach(test -> refused.add("  %s: %s".formatted(test.name, test.skipped)));
      System.out.printf("%s: %d tests, %d skipped%n", module, tests.size(), skipped.size());
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

  /** Classes of tests that no report tells of. */
  private static List<Test> notRun(String module, List<Test> run) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of(module, "src/test/java"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(file -> file.endsWith("Test.java"))
          .map(file -> module + "/" + file.replace(".java", "#"))
          .filter(name -> run.stream().noneMatch(test -> test.name.startsWith(name)))
          .map(name -> new Test(name, "no test of the class was run"))
          .toList();
    }
  }

  private static List<Test> tests(String module)
      throws IOException, ParserConfigurationException, SAXException {
    List<Test> tests = new ArrayList<>();
    Path folder = Path.of(module, "target/surefire-reports");
    if (!Files.isDirectory(folder)) {
      return tests;
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".xml")).sorted().toList()) {
        NodeList cases =
            DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(file.toFile())
                .getElementsByTagName("testcase");
        for (int i = 0; i < cases.getLength(); i++) {
          tests.add(test(module, (Element) cases.item(i)));
        }
      }
    }
    return tests;
  }

  private static Test test(String module, Element element) {
    String simple = element.getAttribute("classname").replaceAll("([a-z0-9_]+\\.)+(?=[A-Z])", "");
    NodeList skipped = element.getElementsByTagName("skipped");
    String reason = "";
    if (skipped.getLength() > 0) {
      Element found = (Element) skipped.item(0);
      String text = found.getAttribute("message") + " " + found.getTextContent();
      reason =
          text.lines()
              .takeWhile(line -> !line.startsWith("\tat "))
              .collect(Collectors.joining(" "))
              .replace("org.opentest4j.TestAbortedException:", "")
              .replaceAll("\\s+", " ")
              .strip();
      reason = reason.isEmpty() ? "no reason given" : reason;
    }
    return new Test(module + "/" + simple + "#" + element.getAttribute("name"), reason);
  }

  private static boolean dockerAnswers() throws IOException, InterruptedException {
    return Programs.find("docker").isPresent() && Programs.succeeds("docker", "info");
  }
}
