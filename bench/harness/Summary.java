package harness;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What is wanted, and whether the last results reach it: from bench/results, without measuring. */
public final class Summary {
  private static final Path RESULTS = Path.of("bench/results");
  private static final String OURS = "learnflow-db";

  /** What is compared with a wanted figure. */
  private enum Measure {
    /** Wall seconds, in the median. */
    SECONDS,
    /** The ratio to psql's fastest way within each run, in the median. */
    TIMES_PSQL
  }

  /**
   * A figure.
   *
   * @param file of the results
   * @param measured title of the case
   * @param ours the contestant of that case
   * @param wanted at most this
   */
  private record Figure(
      String name, String file, String measured, String ours, Measure measure, double wanted) {}

  private static final List<Figure> FIGURES =
      List.of(
          times("Load 2,000,000 rows", "seeds", "Load 2,000,000 rows into an empty table", 1.11),
          times(
              "Insert what is missing",
              "seeds",
              "Load 2,000,000 rows again, insert what is missing",
              1.1),
          times(
              "Change what differs",
              "seeds",
              "Load 2,000,000 rows again, change what differs",
              1.1),
          times("Apply 1,000 migrations", "migrations", "Apply 1,000 migrations", 1.12),
          new Figure(
              "Plan of 7 migrations",
              "operations",
              "Plan, 7 migrations pending",
              OURS,
              Measure.SECONDS,
              2),
          new Figure("Drift", "operations", "Drift, none", OURS, Measure.SECONDS, 2),
          new Figure(
              "Rollback of 7 migrations",
              "operations",
              "Roll back 7 migrations",
              OURS,
              Measure.SECONDS,
              2),
          moment("Install dev, published", "dev", "the connection is published", 9),
          moment("Install prod, published", "prod", "the connection is published", 11),
          moment("Install dev again", "dev, again", "Helm has ended", 8),
          moment("Install prod again", "prod, again", "Helm has ended", 8));

  private Summary() {}

  private static Figure times(String name, String file, String measured, double wanted) {
    return new Figure(name, file, measured, OURS, Measure.TIMES_PSQL, wanted);
  }

  private static Figure moment(String name, String measured, String moment, double wanted) {
    return new Figure(name, "install", measured, moment, Measure.SECONDS, wanted);
  }

  /** A figure with its result, if there is one. */
  private record Row(Figure figure, OptionalDouble ours, String limit, String peer) {
    static Row of(Figure figure) throws IOException {
      Optional<JsonNode> found = find(figure);
      if (found.isEmpty()) {
        return new Row(figure, OptionalDouble.empty(), "", "");
      }
      JsonNode measured = found.get();
      if (!measured.has("contestants")) {
        return new Row(figure, moment(measured, figure.ours()), "", "");
      }
      String field = figure.measure() == Measure.SECONDS ? "wall_seconds" : "times_psql";
      OptionalDouble ours = OptionalDouble.empty();
      Optional<JsonNode> peer = Optional.empty();
      Optional<JsonNode> psql = Optional.empty();
      for (JsonNode contestant : measured.get("contestants")) {
        String name = contestant.get("name").asText();
        if (!contestant.has(field)) {
          continue;
        }
        if (name.equals(figure.ours())) {
          ours = OptionalDouble.of(contestant.get(field).asDouble());
        } else if (name.startsWith("psql")) {
          psql = less(psql, contestant, field);
        } else if (!name.startsWith(OURS)) {
          peer = less(peer, contestant, field);
        }
      }
      return new Row(figure, ours, text(psql, figure, field), text(peer, figure, field));
    }

    private static Optional<JsonNode> less(Optional<JsonNode> one, JsonNode other, String field) {
      return one.filter(it -> it.get(field).asDouble() <= other.get(field).asDouble()).isPresent()
          ? one
          : Optional.of(other);
    }

    private static String text(Optional<JsonNode> contestant, Figure figure, String field) {
      return contestant
          .map(it -> it.get("name").asText() + " " + number(figure, it.get(field).asDouble()))
          .orElse("");
    }

    boolean met() {
      return ours.orElse(Double.MAX_VALUE) <= figure.wanted();
    }

    List<String> cells() {
      return List.of(
          figure.name(),
          ours.isPresent() ? number(figure, ours.getAsDouble()) : "not measured",
          peer,
          limit,
          "≤ " + number(figure, figure.wanted()),
          ours.isEmpty() ? "not measured" : met() ? "met" : "not met");
    }
  }

  private static String number(Figure figure, double value) {
    return figure.measure() == Measure.SECONDS
        ? "%.1f s".formatted(value)
        : "%.2f × psql".formatted(value);
  }

  private static Optional<JsonNode> find(Figure figure) throws IOException {
    Path file = RESULTS.resolve(figure.file() + ".json");
    if (Files.exists(file)) {
      for (JsonNode measured : new ObjectMapper().readTree(file.toFile()).path("cases")) {
        if (measured.path("case").asText().equals(figure.measured())) {
          return Optional.of(measured);
        }
      }
    }
    return Optional.empty();
  }

  /** The median of a moment of a timeline. */
  private static OptionalDouble moment(JsonNode measured, String name) {
    var values = new ArrayList<Double>();
    measured
        .path("runs")
        .forEach(
            run -> {
              if (run.has(name)) {
                values.add(run.get(name).asDouble());
              }
            });
    return values.isEmpty()
        ? OptionalDouble.empty()
        : OptionalDouble.of(
            Standing.median(values.stream().mapToDouble(Double::doubleValue).toArray()));
  }

  /** Prints the summary, and writes it into bench/README.md and, as a picture, into README.md. */
  public static void publish(boolean save) throws IOException {
    var rows = new ArrayList<Row>();
    for (var figure : FIGURES) {
      rows.add(Row.of(figure));
    }
    System.out.println(
        plain(List.of("from saved results", "learnflow-db", "best peer", "limit", "wanted", "")));
    rows.forEach(row -> System.out.println(plain(row.cells())));
    if (save) {
      Results.replace(Path.of("bench/README.md"), "summary", markdown(rows));
      Results.replace(Path.of("README.md"), "summary", chart(rows));
    }
  }

  private static String plain(List<String> cells) {
    return "%-26s %-14s %-24s %-32s %-14s %s".formatted(cells.toArray());
  }

  private static String markdown(List<Row> rows) {
    return "| figure | learnflow-db | best peer | limit | wanted | |\n"
               + "|---|---:|---:|---:|---:|---|\n"
        + rows.stream()
            .map(row -> "| " + String.join(" | ", row.cells()) + " |\n")
            .collect(Collectors.joining());
  }

  private static String chart(List<Row> rows) {
    var measured = rows.stream().filter(row -> row.ours().isPresent()).toList();
    return """
    ```mermaid
    xychart-beta horizontal
      title "Measured figures in percent of what is wanted; up to 100 is met"
      x-axis [%s]
      y-axis "percent" 0 --> %d
      bar [%s]
    ```
    """
        .formatted(
            measured.stream()
                .map(row -> "\"" + row.figure().name() + "\"")
                .collect(Collectors.joining(", ")),
            Math.max(
                100,
                IntStream.of(measured.stream().mapToInt(Summary::percent).toArray())
                    .max()
                    .orElse(0)),
            measured.stream()
                .map(row -> Integer.toString(percent(row)))
                .collect(Collectors.joining(", ")));
  }

  private static int percent(Row row) {
    return (int) Math.round(100 * row.ours().orElseThrow() / row.figure().wanted());
  }
}
