package harness;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import lib.Failure;

/**
 * Prints the cases, and keeps them in bench/results and in the generated part of bench/README.md.
 */
public record Results(String name, List<Case> cases, Options options) {

  public void publish(Server server) throws IOException, InterruptedException {
    if (options.save()) {
      var machine = Machine.now();
      save(
          name,
          Json.of(machine, server, options.runs(), cases),
          markdown(machine, server.version()));
    } else {
      Summary.publish(false);
    }
    cases.forEach(measured -> System.out.println(Tables.plain(measured)));
    if (cases.stream().anyMatch(Case::anyFailed)) {
      throw new Failure("a contestant failed, see above");
    }
  }

  private String markdown(Machine machine, String postgresql) {
    var text = new StringBuilder();
    text.append(
        """
        Measured on %s with %d cores, %d GiB, PostgreSQL %s, Java %s; median of %d runs.
        """
            .formatted(
                machine.date(),
                machine.cores(),
                machine.memoryGib(),
                postgresql,
                machine.java(),
                options.runs()));
    cases.forEach(measured -> text.append('\n').append(Tables.markdown(measured)));
    return text.toString();
  }

  /** Writes bench/results/NAME.json and NAME's part of bench/README.md. */
  static void save(String name, ObjectNode results, String markdown) throws IOException {
    var bench = Path.of("bench");
    Files.createDirectories(bench.resolve("results"));
    Files.writeString(bench.resolve("results/" + name + ".json"), Json.text(results));
    replace(bench.resolve("README.md"), name, markdown);
    Summary.publish(true);
  }

  /** Writes the generated part of a Markdown file. */
  static void replace(Path file, String name, String markdown) throws IOException {
    Files.writeString(file, withGenerated(file, name, markdown));
  }

  private static String withGenerated(Path file, String name, String text) throws IOException {
    var readme = Files.readString(file);
    var start = "<!-- generated: " + name + " -->\n";
    var end = "<!-- /generated -->";
    int from = readme.indexOf(start);
    int to = readme.indexOf(end, from);
    if (from < 0 || to < 0) {
      throw new Failure(file + " has no lines " + start.strip() + " and " + end);
    }
    return readme.substring(0, from) + start + text + readme.substring(to);
  }
}
