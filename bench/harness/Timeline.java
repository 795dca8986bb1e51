package harness;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a command was made of, in every run: parts, which may overlap, and moments it led to. */
public final class Timeline {
  /** What is under no part. */
  public static final String REST = "none of these: Helm and the API server";

  /** Seconds since the start of the command. */
  public record Part(double from, double to) {
    double seconds() {
      return to - from;
    }
  }

  /** One run; its times are those of the machine's clock, in milliseconds. */
  public static final class Run {
    private final long start;
    private final Map<String, Part> parts = new LinkedHashMap<>();
    private final Map<String, Double> moments = new LinkedHashMap<>();

    public Run(long start) {
      this.start = start;
    }

    /** Left out where it did not begin or end. */
    public void part(String name, OptionalLong from, OptionalLong to) {
      if (from.isPresent() && to.isPresent()) {
        parts.put(name, new Part(seconds(from.getAsLong()), seconds(to.getAsLong())));
      }
    }

    /** Left out where it did not come. */
    public void moment(String name, OptionalLong at) {
      at.ifPresent(time -> moments.put(name, seconds(time)));
    }

    private double seconds(long time) {
      return (time - start) / 1000.0;
    }

    /** Seconds to the last moment in which no part was under way. */
    private double rest() {
      double covered = 0;
      double rest = 0;
      for (var part :
          parts.values().stream().sorted(Comparator.comparingDouble(Part::from)).toList()) {
        rest += Math.max(0, part.from() - covered);
        covered = Math.max(covered, part.to());
      }
      double end = moments.values().stream().mapToDouble(Double::doubleValue).max().orElse(0);
      return rest + Math.max(0, end - covered);
    }
  }

  private final String title;
  private final List<Run> runs = new ArrayList<>();

  public Timeline(String title) {
    this.title = title;
  }

  public void add(Run run) {
    runs.add(run);
    System.err.printf("%s, %d: %s%n", title, runs.size(), json(run));
  }

  public String title() {
    return title;
  }

  public int runs() {
    return runs.size();
  }

  /** The median of a row's figures, if it has any. */
  public OptionalDouble median(String row) {
    if (row.equals(REST)) {
      return median(runs.stream().map(Run::rest));
    }
    return median(
        runs.stream()
            .filter(run -> run.moments.containsKey(row) || run.parts.containsKey(row))
            .map(run ->
                run.moments.containsKey(row)
                    ? run.moments.get(row)
                    : (Double) run.parts.get(row).seconds()));
  }

  private OptionalDouble median(String part, ToDoubleFunction<Part> figure) {
    return median(
        runs.stream()
            .filter(run -> run.parts.containsKey(part))
            .map(run -> figure.applyAsDouble(run.parts.get(part))));
  }

  private static OptionalDouble median(Stream<Double> figures) {
    var values = figures.mapToDouble(Double::doubleValue).toArray();
    return values.length == 0 ? OptionalDouble.empty() : OptionalDouble.of(Standing.median(values));
  }

  /**
   * Timelines side by side as a table, and below each other as a chart; all figures are medians.
   */
  public static String markdown(List<Timeline> timelines) {
    var titles = timelines.stream().map(Timeline::title).collect(Collectors.joining(" | "));
    var rows =
        rows(timelines).stream()
            .map(row -> "| %s | %s |\n".formatted(row, figures(row, timelines)))
            .collect(Collectors.joining());
    var sections = timelines.stream().map(Timeline::section).collect(Collectors.joining());
    return """
    | seconds | %s |
    |---|%s
    %s
    ```mermaid
    gantt
      dateFormat x
      axisFormat %%S s
    %s```
    """
        .formatted(titles, "---:|".repeat(timelines.size()), rows, sections);
  }

  /** The rows that any of them has: parts, the rest, and moments. */
  private static List<String> rows(List<Timeline> timelines) {
    var runs = timelines.stream().flatMap(timeline -> timeline.runs.stream()).toList();
    return Stream.of(
            runs.stream().flatMap(run -> run.parts.keySet().stream()),
            Stream.of(REST),
            runs.stream().flatMap(run -> run.moments.keySet().stream()))
        .flatMap(rows -> rows)
        .distinct()
        .toList();
  }

  /** As a section of Mermaid's gantt, with medians. */
  private String section() {
    return "  section "
        + title
        + "\n"
        + rows(List.of(this)).stream()
            .filter(row -> median(row, Part::to).isPresent())
            .map(row ->
                "    %s :%.0f, %.0f\n"
                    .formatted(
                        row.replace(":", ""),
                        median(row, Part::from).getAsDouble() * 1000,
                        median(row, Part::to).getAsDouble() * 1000))
            .collect(Collectors.joining());
  }

  private static String figures(String row, List<Timeline> timelines) {
    return timelines.stream()
        .map(timeline -> timeline.median(row))
        .map(median -> median.isPresent() ? "%.1f".formatted(median.getAsDouble()) : "")
        .collect(Collectors.joining(" | "));
  }

  public static ArrayNode json(List<Timeline> timelines) {
    return Json.array(timelines, Timeline::json);
  }

  private ObjectNode json() {
    var result = Json.object().put("case", title);
    result.set("runs", Json.array(runs, Timeline::json));
    return result;
  }

  private static ObjectNode json(Run run) {
    var result = Json.object();
    run.parts.forEach((name, part) ->
        result.putArray(name).add(Json.rounded(part.from(), 2)).add(Json.rounded(part.to(), 2)));
    run.moments.forEach((name, moment) -> result.put(name, Json.rounded(moment, 2)));
    return result;
  }
}
