package picture;

import java.util.List;
import java.util.Locale;

/** Values as Grafana writes them, for the units that the dashboard has. */
public final class Units {
  private record Size(double value, String name) {}

  private static final List<Size> TIMES =
      List.of(
          new Size(86400, " days"),
          new Size(3600, " hours"),
          new Size(60, " mins"),
          new Size(1, " s"),
          new Size(0.001, " ms"));
  private static final List<Size> BYTES =
      List.of(
          new Size(1L << 30, " GiB"),
          new Size(1L << 20, " MiB"),
          new Size(1L << 10, " KiB"),
          new Size(1, " B"));
  private static final double[] SECONDS = {
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400
  };

  private Units() {}

  public static String text(double value, String unit) {
    return switch (unit) {
      case "s" -> sized(value, TIMES);
      case "bytes" -> sized(value, BYTES);
      case "percentunit" -> number(value * 100) + "%";
      case "d" -> number(value) + " days";
      case "ops" -> number(value) + " ops/s";
      default -> number(value);
    };
  }

  private static String sized(double value, List<Size> sizes) {
    Size size =
        value == 0
            ? sizes.stream().filter(each -> each.value() == 1).findFirst().orElseThrow()
            : sizes.stream()
                .filter(each -> Math.abs(value) >= each.value())
                .findFirst()
                .orElse(sizes.getLast());
    return number(value / size.value()) + size.name();
  }

  private static String number(double value) {
    String text = String.format(Locale.ROOT, Math.abs(value) >= 100 ? "%.0f" : "%.2f", value);
    return text.contains(".") ? text.replaceAll("\\.?0+$", "") : text;
  }

  /** Between two lines of a grid, of which there are to be about four. */
  static double step(double range, String unit) {
    double wanted = range / 4;
    if (unit.equals("bytes")) {
      return Math.pow(2, Math.ceil(Math.log(wanted) / Math.log(2)));
    }
    if (unit.equals("s")) {
      for (double seconds : SECONDS) {
        if (seconds >= wanted) {
          return seconds;
        }
      }
    }
    double power = Math.pow(10, Math.floor(Math.log10(wanted)));
    for (double factor : new double[] {1, 2, 5}) {
      if (power * factor >= wanted) {
        return power * factor;
      }
    }
    return power * 10;
  }
}
