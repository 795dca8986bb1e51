import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import lib.Failure;
import lib.Tool;
import picture.Drawing;
import picture.Drawing.Box;
import picture.Drawing.Line;
import picture.Drawing.Shown;
import picture.Drawing.Threshold;
import picture.History;
import picture.Prometheus;
import picture.Units;

/**
 * Draws docs/dashboard.svg: the panels of the chart's dashboard, whose queries a Prometheus with
 * made up data answers. It is not Grafana. Class path: dist/lib/*. Run in the repository's root:
 * {@code java tools/DashboardPicture.java}.
 */
final class DashboardPicture {
  private static final Path DASHBOARD = Path.of("charts/learnflow-db/files/dashboard.json");
  private static final Path PICTURE = Path.of("docs/dashboard.svg");
  private static final Duration STEP = Duration.ofMinutes(1);
  private static final Instant FROM = History.END.minusSeconds(History.SECONDS);
  private static final int POINTS = (int) (History.SECONDS / STEP.toSeconds()) + 1;

  /** Of a column and a row of Grafana's grid, and between panels. */
  private static final double COLUMN = 50;

  private static final double ROW = 30;
  private static final double GAP = 6;
  private static final double TOP = 50;

  private final Prometheus prometheus;
  private final Drawing drawing = new Drawing(24 * COLUMN + GAP, FROM, History.END);

  private DashboardPicture(Prometheus prometheus) {
    this.prometheus = prometheus;
  }

  static void main() throws Exception {
    Tool.run(() -> {
      Path folder = Files.createTempDirectory("dashboard");
      try (Prometheus prometheus = Prometheus.with(History.openMetrics(), folder)) {
        Files.writeString(PICTURE, new DashboardPicture(prometheus).draw());
      } finally {
        delete(folder);
      }
    });
  }

  private String draw() throws IOException, InterruptedException {
    drawing.caption(
        new Box(GAP, 4, 0, 0),
        "learnflow-db · namespace %s · release %s · 06:10 to 12:10 UTC"
            .formatted(History.NAMESPACE, History.RELEASE),
        "Panels and queries of the dashboard, drawn by a script (not Grafana) from made up data in"
            + " a Prometheus.");
    for (JsonNode panel : new ObjectMapper().readTree(DASHBOARD.toFile()).path("panels")) {
      JsonNode grid = panel.path("gridPos");
      Box box =
          new Box(
              grid.path("x").asInt() * COLUMN + GAP,
              grid.path("y").asInt() * ROW + TOP,
              grid.path("w").asInt() * COLUMN - GAP,
              grid.path("h").asInt() * ROW - GAP);
      draw(panel, box);
    }
    return drawing.svg();
  }

  private void draw(JsonNode panel, Box box) throws IOException, InterruptedException {
    String title = panel.path("title").asText();
    JsonNode field = panel.at("/fieldConfig/defaults");
    String unit = field.path("unit").asText();
    switch (panel.path("type").asText()) {
      case "row" -> drawing.heading(box, title);
      case "stat" -> {
        Line value = series(panel).getFirst();
        boolean named = panel.at("/options/textMode").asText().equals("name");
        drawing.stat(
            drawing.panel(box, title),
            named ? new Shown(value.name(), "") : shown(value.values()[0], field));
      }
      case "bargauge" -> drawing.bars(drawing.panel(box, title), series(panel), unit);
      case "table" -> drawing.table(drawing.panel(box, title), table(panel));
      case "state-timeline" -> {
        Map<Double, Shown> states = new TreeMap<>();
        for (Map.Entry<String, JsonNode> text : field.at("/mappings/0/options").properties()) {
          states.put(Double.valueOf(text.getKey()), shown(text.getValue()));
        }
        drawing.states(drawing.panel(box, title), series(panel), states);
      }
      case "timeseries" ->
          drawing.lines(
              drawing.panel(box, title),
              series(panel),
              unit,
              field.path("min").asDouble(Double.NaN),
              thresholds(field));
      default -> throw new Failure("no picture of a panel of type " + panel.path("type").asText());
    }
  }

  /** What a panel shows: values over time, or the one of now. */
  private List<Line> series(JsonNode panel) throws IOException, InterruptedException {
    List<Line> series = new ArrayList<>();
    for (JsonNode target : panel.path("targets")) {
      for (JsonNode result : answer(target)) {
        String legend = target.path("legendFormat").asText();
        for (Map.Entry<String, JsonNode> label : result.path("metric").properties()) {
          legend = legend.replace("{{%s}}".formatted(label.getKey()), label.getValue().asText());
        }
        series.add(new Line(legend, values(result)));
      }
    }
    if (series.isEmpty()) {
      throw new Failure(
          "the made up history has nothing for panel " + panel.path("title").asText());
    }
    return series;
  }

  private static double[] values(JsonNode result) {
    if (result.has("value")) {
      return new double[] {result.path("value").path(1).asDouble()};
    }
    double[] values = new double[POINTS];
    Arrays.fill(values, Double.NaN);
    for (JsonNode value : result.path("values")) {
      long at = value.path(0).asLong() - FROM.getEpochSecond();
      values[(int) (at / STEP.toSeconds())] = value.path(1).asDouble();
    }
    return values;
  }

  private JsonNode answer(JsonNode target) throws IOException, InterruptedException {
    String query =
        target
            .path("expr")
            .asText()
            .replace("$namespace", History.NAMESPACE)
            .replace("${release}", History.RELEASE)
            .replace("$__rate_interval", "5m");
    return target.path("instant").asBoolean()
        ? prometheus.now(query, History.END)
        : prometheus.range(query, FROM, History.END, STEP);
  }

  /** Rows are those with the same labels, columns their labels and the values of the queries. */
  private List<List<Shown>> table(JsonNode panel) throws IOException, InterruptedException {
    Map<List<String>, List<Shown>> rows = new LinkedHashMap<>();
    List<Shown> head = new ArrayList<>();
    JsonNode names = panel.at("/transformations/1/options/renameByName");
    for (JsonNode target : panel.path("targets")) {
      String column =
          Optional.ofNullable(names.get("Value #" + target.path("refId").asText()))
              .orElse(names.path("Value"))
              .asText();
      JsonNode field = field(panel, column);
      for (JsonNode result : answer(target)) {
        List<String> labels = new ArrayList<>();
        result.path("metric").forEach(value -> labels.add(value.asText()));
        if (head.isEmpty()) {
          result
              .path("metric")
              .fieldNames()
              .forEachRemaining(name -> head.add(new Shown(name, "")));
        }
        rows.computeIfAbsent(
                labels,
                _ -> new ArrayList<>(labels.stream().map(label -> new Shown(label, "")).toList()))
            .add(shown(values(result)[0], field));
      }
      head.add(new Shown(column, ""));
    }
    return Stream.concat(Stream.of(head), rows.values().stream()).toList();
  }

  private static JsonNode field(JsonNode panel, String column) {
    var field = new ObjectMapper().createObjectNode();
    for (JsonNode override : panel.at("/fieldConfig/overrides")) {
      if (override.at("/matcher/options").asText().equals(column)) {
        override
            .path("properties")
            .forEach(property -> field.set(property.path("id").asText(), property.path("value")));
      }
    }
    return field;
  }

  private static Shown shown(double value, JsonNode field) {
    JsonNode text = field.at("/mappings/0/options/" + Math.round(value));
    if (!text.isMissingNode()) {
      return shown(text);
    }
    String color =
        thresholds(field).stream()
            .filter(threshold -> value >= threshold.from())
            .max(Comparator.comparingDouble(Threshold::from))
            .map(Threshold::color)
            .orElse("");
    return new Shown(Units.text(value, field.path("unit").asText()), color);
  }

  private static Shown shown(JsonNode mapping) {
    return new Shown(mapping.path("text").asText(), mapping.path("color").asText());
  }

  private static List<Threshold> thresholds(JsonNode field) {
    List<Threshold> thresholds = new ArrayList<>();
    for (JsonNode step : field.at("/thresholds/steps")) {
      thresholds.add(
          new Threshold(
              step.path("value").asDouble(Double.NEGATIVE_INFINITY), step.path("color").asText()));
    }
    return thresholds;
  }

  private static void delete(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : files) {
      Files.delete(file);
    }
  }
}
