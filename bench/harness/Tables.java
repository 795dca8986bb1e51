package harness;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** A case as text: for the terminal, and as Markdown with a chart. */
final class Tables {
  private Tables() {}

  private static List<String> headings(Case measured) {
    var baseline = measured.baseline().map(found -> found.contestant().name()).orElse("psql");
    return List.of("contestant", "wall s", "times " + baseline, "CPU s", "peak MiB");
  }

  static String plain(Case measured) {
    var text = new StringBuilder("\n" + measured.title() + "\n");
    text.append(plain(headings(measured)));
    rows(measured).forEach(row -> text.append(plain(row)));
    return text.toString().stripTrailing();
  }

  private static String plain(List<String> row) {
    return "%-50s %10s %17s %10s %10s%n".formatted(row.toArray());
  }

  static String markdown(Case measured) {
    var text = new StringBuilder("### " + measured.title() + "\n\n");
    text.append(markdown(headings(measured))).append("|---|---:|---:|---:|---:|\n");
    rows(measured).forEach(row -> text.append(markdown(row)));
    return text.append('\n').append(chart(measured)).toString();
  }

  private static String markdown(List<String> row) {
    return "| " + String.join(" | ", row) + " |\n";
  }

  private static List<List<String>> rows(Case measured) {
    var baseline = measured.baseline();
    return measured.standings().stream().map(standing -> row(standing, baseline)).toList();
  }

  private static List<String> row(Standing standing, Optional<Standing> baseline) {
    var label = standing.contestant().label();
    return switch (standing.outcomes().getLast()) {
      case Outcome.Done _ ->
          List.of(
              label,
              number(standing.median(Outcome.Done::wall)),
              baseline.map(psql -> ratio(standing.ratio(psql))).orElse(""),
              number(standing.median(Outcome.Done::cpu)),
              "%.0f".formatted(standing.median(Outcome.Done::peakMib)));
      case Outcome.TimedOut(var limit) -> List.of(label, "> " + limit.toSeconds(), "", "", "");
      case Outcome.Failed _ -> List.of(label, "failed", "", "", "");
    };
  }

  private static String chart(Case measured) {
    var shown =
        measured.standings().stream()
            .filter(standing -> !(standing.outcomes().getLast() instanceof Outcome.Failed))
            .toList();
    var names = shown.stream().map(Tables::bar).collect(Collectors.joining(", "));
    var heights = shown.stream().map(Tables::height).collect(Collectors.joining(", "));
    return """
    ```mermaid
    xychart-beta horizontal
      title "%s, wall seconds"
      x-axis [%s]
      y-axis "seconds"
      bar [%s]
    ```
    """
        .formatted(measured.title(), names, heights);
  }

  private static String bar(Standing standing) {
    var name = standing.contestant().name();
    return switch (standing.outcomes().getLast()) {
      case Outcome.TimedOut(var limit) -> "\"%s (> %d)\"".formatted(name, limit.toSeconds());
      default -> "\"" + name + "\"";
    };
  }

  private static String height(Standing standing) {
    return switch (standing.outcomes().getLast()) {
      case Outcome.TimedOut(var limit) -> Long.toString(limit.toSeconds());
      default -> "%.3f".formatted(standing.median(Outcome.Done::wall));
    };
  }

  private static String number(double seconds) {
    var format = seconds < 1 ? "%.3f" : seconds < 10 ? "%.2f" : "%.1f";
    return format.formatted(seconds);
  }

  private static String ratio(double ratio) {
    return (ratio < 10 ? "%.2f" : "%.0f").formatted(ratio);
  }
}
