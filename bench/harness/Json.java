package harness;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** The results as a file that is easy to compare with its earlier versions. */
public final class Json {
  private static final ObjectMapper MAPPER =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private Json() {}

  public static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }

  public static <T> ArrayNode array(List<T> elements, Function<T, ObjectNode> json) {
    return JsonNodeFactory.instance.arrayNode().addAll(elements.stream().map(json).toList());
  }

  /** A figure with that many digits behind the point. */
  public static double rounded(double figure, int digits) {
    double scale = Math.pow(10, digits);
    return Math.round(figure * scale) / scale;
  }

  static String text(ObjectNode results) throws IOException {
    return MAPPER.writeValueAsString(results) + "\n";
  }

  static ObjectNode of(Machine machine, Server server, int runs, List<Case> cases)
      throws IOException, InterruptedException {
    ObjectNode results =
        object()
            .put("date", machine.date().toString())
            .put("cores", machine.cores())
            .put("memory_gib", machine.memoryGib())
            .put("java", machine.java())
            .put("postgresql", server.version())
            .put("server", server.origin() + ": " + server.settings())
            .put("runs", runs);
    results.set("cases", array(cases, Json::measured));
    return results;
  }

  private static ObjectNode measured(Case measured) {
    var baseline = measured.baseline();
    var result = object().put("case", measured.title());
    result.set(
        "contestants", array(measured.standings(), standing -> standing(standing, baseline)));
    return result;
  }

  private static ObjectNode standing(Standing standing, Optional<Standing> baseline) {
    var contestant = standing.contestant();
    var result = object().put("name", contestant.name()).put("version", contestant.version());
    return switch (standing.outcomes().getLast()) {
      case Outcome.Done _ -> done(result, standing, baseline);
      case Outcome.TimedOut(var limit) -> result.put("over_seconds", limit.toSeconds());
      case Outcome.Failed _ -> result.put("failed", true);
    };
  }

  private static ObjectNode done(
      ObjectNode result, Standing standing, Optional<Standing> baseline) {
    result.put("wall_seconds", rounded(standing.median(Outcome.Done::wall), 3));
    baseline.ifPresent(psql -> result.put("times_psql", rounded(standing.ratio(psql), 2)));
    result
        .put("cpu_seconds", rounded(standing.median(Outcome.Done::cpu), 3))
        .put("peak_mib", rounded(standing.median(Outcome.Done::peakMib), 1));
    var runs = result.putArray("runs");
    standing.runs().forEach(run -> runs.add(run.wall()));
    return result;
  }
}
