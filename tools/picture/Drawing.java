package picture;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** An SVG of panels, in the colors of Grafana's dark theme. */
public final class Drawing {
  /**
   * Values over time.
   *
   * @param values evenly from the begin to the end of the time range; NaN where there is none
   */
  public record Line(String name, double[] values) {}

  /** Where values change their color. */
  public record Threshold(double from, String color) {}

  /** A value as it is shown. */
  public record Shown(String text, String color) {}

  /** A part of the picture, in pixels. */
  public record Box(double x, double y, double width, double height) {}

  private static final Map<String, String> COLORS =
      Map.of("green", "#73bf69", "orange", "#ff9830", "red", "#f2495c", "blue", "#5794f2");
  private static final List<String> LINES =
      List.of("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#b877d9", "#f2495c", "#5794f2");
  private static final String TEXT = "#ccccdc";
  private static final String PALE = "#8e8e99";
  private static final String GRID = "#2a2c31";
  private static final double LETTER = 6.1;
  private static final DateTimeFormatter CLOCK =
      DateTimeFormatter.ofPattern("HH:mm", Locale.ROOT).withZone(ZoneOffset.UTC);

  private final StringBuilder svg = new StringBuilder();
  private final double width;
  private final Instant from;
  private final Instant to;
  private double height;

  public Drawing(double width, Instant from, Instant to) {
    this.width = width;
    this.from = from;
    this.to = to;
  }

  public String svg() {
    return """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s"
     font-family="Inter,Helvetica,Arial,sans-serif" font-size="12">
    <rect width="100%%" height="100%%" fill="#111217"/>
    %s</svg>
    """
        .formatted(n(width), n(height + 10), svg);
  }

  public void heading(Box box, String title) {
    text(box.x() + 4, box.y() + box.height() / 2 + 6, 15, TEXT, "start", "▾ " + title);
    height = Math.max(height, box.y() + box.height());
  }

  public void caption(Box box, String... lines) {
    for (int i = 0; i < lines.length; i++) {
      text(
          box.x() + 4,
          box.y() + 16 + i * 17,
          i == 0 ? 15 : 12,
          i == 0 ? TEXT : PALE,
          "start",
          lines[i]);
    }
  }

  /** The frame of a panel; what is left is for what it shows. */
  public Box panel(Box box, String title) {
    add(
        "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"3\" fill=\"#181b1f\""
            + " stroke=\"%s\"/>",
        n(box.x()), n(box.y()), n(box.width()), n(box.height()), GRID);
    text(box.x() + 9, box.y() + 19, 13, TEXT, "start", title);
    height = Math.max(height, box.y() + box.height());
    return new Box(box.x() + 9, box.y() + 30, box.width() - 18, box.height() - 38);
  }

  public void stat(Box box, Shown value) {
    double size = Math.min(34, box.width() / Math.max(1, value.text().length()) * 1.6);
    text(
        box.x() + box.width() / 2,
        box.y() + box.height() / 2 + size / 3 - 3,
        size,
        color(value.color()),
        "middle",
        value.text());
  }

  public void bars(Box box, List<Line> bars, String unit) {
    double most = bars.stream().mapToDouble(bar -> bar.values()[0]).max().orElse(1);
    double each = box.height() / Math.max(1, bars.size());
    double names = 64;
    double room = box.width() - names - 70;
    for (int i = 0; i < bars.size(); i++) {
      double value = bars.get(i).values()[0];
      double y = box.y() + i * each;
      text(box.x() + names - 8, y + each / 2 + 4, 12, TEXT, "end", bars.get(i).name());
      add(
          "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\"/>",
          n(box.x() + names),
          n(y + 3),
          n(Math.max(1, value / most * room)),
          n(each - 6),
          COLORS.get("blue"));
      text(
          box.x() + box.width(),
          y + each / 2 + 4,
          12,
          COLORS.get("blue"),
          "end",
          Units.text(value, unit));
    }
  }

  public void table(Box box, List<List<Shown>> rows) {
    double each = 26;
    int columns = rows.getFirst().size();
    for (int row = 0; row < rows.size(); row++) {
      double y = box.y() + row * each;
      for (int column = 0; column < columns; column++) {
        Shown cell = rows.get(row).get(column);
        text(
            box.x() + box.width() / columns * column,
            y + 16,
            12,
            row == 0 ? PALE : color(cell.color()),
            "start",
            cell.text());
      }
      path("M%s %sH%s".formatted(n(box.x()), n(y + each - 2), n(box.x() + box.width())), GRID, "");
    }
  }

  /** A bar for each line, whose color goes by its values. */
  public void states(Box box, List<Line> lines, Map<Double, Shown> states) {
    double names = 90;
    Box plot = new Box(box.x() + names, box.y(), box.width() - names, box.height() - 40);
    double each = plot.height() / lines.size();
    for (int i = 0; i < lines.size(); i++) {
      double[] values = lines.get(i).values();
      double y = plot.y() + i * each;
      text(plot.x() - 8, y + each / 2 + 4, 11, TEXT, "end", lines.get(i).name());
      int start = 0;
      for (int end = 1; end <= values.length; end++) {
        if (end == values.length || values[end] != values[start]) {
          Shown state = states.get(values[start]);
          if (state != null) {
            double x = plot.x() + plot.width() * start / (values.length - 1);
            double right =
                plot.x() + plot.width() * Math.min(end, values.length - 1) / (values.length - 1);
            add(
                "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\""
                    + " fill-opacity=\".8\"/>",
                n(x), n(y + 1), n(right - x), n(each - 2), color(state.color()));
          }
          start = end;
        }
      }
    }
    clock(plot);
    List<Line> legend = new ArrayList<>();
    List<String> colors = new ArrayList<>();
    states
        .values()
        .forEach(state -> {
          legend.add(new Line(state.text(), new double[0]));
          colors.add(color(state.color()));
        });
    legend(box, legend, colors);
  }

  public void lines(
      Box box, List<Line> lines, String unit, double minimum, List<Threshold> thresholds) {
    double low = minimum;
    double high = Double.NEGATIVE_INFINITY;
    for (Line line : lines) {
      for (double value : line.values()) {
        if (!Double.isNaN(value)) {
          low = Double.isNaN(low) ? value : Math.min(low, value);
          high = Math.max(high, value);
        }
      }
    }
    if (low == high) {
      high = low + 1;
    }
    double step = Units.step(high - low, unit);
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
    double below = 26 + 16 * rows(box, lines);
    Box plot = new Box(box.x() + 62, box.y() + 4, box.width() - 70, box.height() - below);
    for (double value = low; value <= high + step / 2; value += step) {
      double y = y(plot, value, low, high);
      path("M%s %sH%s".formatted(n(plot.x()), n(y), n(plot.x() + plot.width())), GRID, "");
      text(
          plot.x() - 6,
          y + 4,
          11,
          PALE,
          "end",
          Units.text(Math.abs(value) < step / 1e6 ? 0 : value, unit));
    }
    for (Threshold threshold : thresholds) {
      if (threshold.from() > low && threshold.from() <= high) {
        path(
            "M%s %sH%s"
                .formatted(
                    n(plot.x()),
                    n(y(plot, threshold.from(), low, high)),
                    n(plot.x() + plot.width())),
            color(threshold.color()),
            " stroke-dasharray=\"6 5\"");
      }
    }
    for (int i = 0; i < lines.size(); i++) {
      path(
          curve(plot, lines.get(i).values(), low, high),
          LINES.get(i % LINES.size()),
          " stroke-width=\"1.4\"");
    }
    clock(plot);
    legend(box, lines, LINES);
  }

  private static double y(Box plot, double value, double low, double high) {
    return plot.y() + plot.height() * (1 - (value - low) / (high - low));
  }

  /** Without the points that are on the line between their neighbours. */
  private static String curve(Box plot, double[] values, double low, double high) {
    StringBuilder path = new StringBuilder();
    boolean pen = false;
    for (int i = 0; i < values.length; i++) {
      if (Double.isNaN(values[i])) {
        pen = false;
        continue;
      }
      boolean flat =
          pen && i + 1 < values.length && values[i - 1] == values[i] && values[i + 1] == values[i];
      if (!flat) {
        path.append(pen ? 'L' : 'M')
            .append(n(plot.x() + plot.width() * i / (values.length - 1)))
            .append(' ')
            .append(n(y(plot, values[i], low, high)));
      }
      pen = true;
    }
    return path.toString();
  }

  private void clock(Box plot) {
    long seconds = to.getEpochSecond() - from.getEpochSecond();
    long each = plot.width() > 600 ? 1800 : plot.width() > 300 ? 3600 : 7200;
    for (long t = each - from.getEpochSecond() % each; t < seconds; t += each) {
      text(
          plot.x() + plot.width() * t / seconds,
          plot.y() + plot.height() + 15,
          11,
          PALE,
          "middle",
          CLOCK.format(from.plusSeconds(t)));
    }
  }

  private static double entry(Line line) {
    return 28 + line.name().length() * LETTER;
  }

  private static int rows(Box box, List<Line> lines) {
    int rows = 1;
    double x = 0;
    for (Line line : lines) {
      if (x > 0 && x + entry(line) > box.width()) {
        rows++;
        x = 0;
      }
      x += entry(line);
    }
    return rows;
  }

  private void legend(Box box, List<Line> lines, List<String> colors) {
    double x = 0;
    double y = box.y() + box.height() - 16 * (rows(box, lines) - 1);
    for (int i = 0; i < lines.size(); i++) {
      Line line = lines.get(i);
      if (x > 0 && x + entry(line) > box.width()) {
        x = 0;
        y += 16;
      }
      add(
          "<rect x=\"%s\" y=\"%s\" width=\"13\" height=\"4\" rx=\"2\" fill=\"%s\"/>",
          n(box.x() + x), n(y - 6), colors.get(i % colors.size()));
      text(box.x() + x + 18, y, 11, TEXT, "start", line.name());
      x += entry(line);
    }
  }

  private static String color(String name) {
    return COLORS.getOrDefault(name, TEXT);
  }

  private void path(String path, String color, String more) {
    add("<path d=\"%s\" fill=\"none\" stroke=\"%s\"%s/>", path, color, more);
  }

  private void text(double x, double y, double size, String color, String anchor, String text) {
    add(
        "<text x=\"%s\" y=\"%s\" font-size=\"%s\" fill=\"%s\" text-anchor=\"%s\">%s</text>",
        n(x), n(y), n(size), color, anchor, text.replace("&", "&amp;").replace("<", "&lt;"));
  }

  private void add(String element, Object... values) {
    svg.append(element.formatted(values)).append('\n');
  }

  private static String n(double value) {
    String text = String.format(Locale.ROOT, "%.1f", value);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }
}
