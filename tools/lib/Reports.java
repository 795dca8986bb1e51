package lib;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/** Surefire's reports of the last run of a module. */
public final class Reports {
  private Reports() {}

  /**
   * A test that was run or skipped.
   *
   * @param name MODULE/CLASS#METHOD
   * @param skipped the reason; empty where it was run
   */
  public record Test(String name, double seconds, String skipped) {}

  /** All tests that the reports name; none where there is no report. */
  public static List<Test> of(String module)
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
    String name = module + "/" + simple + "#" + element.getAttribute("name");
    String time = element.getAttribute("time").replace(",", "");
    NodeList skipped = element.getElementsByTagName("skipped");
    return new Test(
        name,
        time.isEmpty() ? 0 : Double.parseDouble(time),
        skipped.getLength() == 0 ? "" : reason((Element) skipped.item(0)));
  }

  private static String reason(Element skipped) {
    String text = skipped.getAttribute("message") + " " + skipped.getTextContent();
    String reason =
        text.lines()
            .takeWhile(line -> !line.startsWith("\tat "))
            .collect(Collectors.joining(" "))
            .replace("org.opentest4j.TestAbortedException:", "")
            .replaceAll("\\s+", " ")
            .strip();
    return reason.isEmpty() ? "no reason given" : reason;
  }
}
