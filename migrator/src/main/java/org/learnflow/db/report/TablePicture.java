package org.learnflow.db.report;

import java.util.Locale;
import org.learnflow.db.report.DatabaseTables.Column;
import org.learnflow.db.report.DatabaseTables.Reference;

/** An entity-relationship diagram in SVG; its colors are in the page's CSS. */
final class TablePicture {
  /** How far the feet at the ends of a line reach. */
  private static final double FOOT = 11;

  private static final double FOOT_HEIGHT = 5;
  private static final double BASELINE = 13;
  private static final double HEAD_BASELINE = 17;

  /** Of the natural width, below which the picture is scrolled and not made smaller. */
  private static final double SMALLEST = 0.75;

  private final DatabaseTables database;
  private final TableLayout layout;
  private final Html html = new Html();

  private TablePicture(DatabaseTables database) {
    this.database = database;
    this.layout = TableLayout.of(database);
  }

  /** The element {@code svg}. */
  static String of(DatabaseTables database) {
    return new TablePicture(database).draw();
  }

  private String draw() {
    html.open(
        "svg",
        "xmlns",
        "http://www.w3.org/2000/svg",
        "class",
        "tables",
        "role",
        "img",
        "aria-label",
        "%d tables and %d foreign keys"
            .formatted(database.tables().size(), database.references().size()),
        "viewBox",
        "0 0 %s %s".formatted(number(layout.width()), number(layout.height())),
        "style",
        "width:%spx;min-width:%spx"
            .formatted(number(layout.width()), number(layout.width() * SMALLEST)));
    database.references().forEach(this::line);
    layout.boxes().values().forEach(this::box);
    return html.close("svg").toString();
  }

  private void box(TableBox box) {
    html.open("g", "transform", "translate(%s %s)".formatted(number(box.x()), number(box.y())));
    html.element("title", box.table().name());
    html.empty(
        "rect",
        "class",
        "box",
        "width",
        number(box.width()),
        "height",
        number(box.height()),
        "rx",
        "6");
    html.empty(
        "path",
        "class",
        "head",
        "d",
        "M0 %1$s V6 Q0 0 6 0 H%2$s Q%3$s 0 %3$s 6 V%1$s Z"
            .formatted(number(TableBox.HEAD), number(box.width() - 6), number(box.width())));
    text("name", TableBox.PADDING, HEAD_BASELINE, TableBox.title(box.table()));
    double top = TableBox.HEAD + 2;
    for (Column column : box.columns()) {
      if (column.isKey()) {
        text("key", TableBox.PADDING, top + BASELINE, column.primary() ? "PK" : "FK");
      }
      text(
          column.isKey() ? "strong" : "column",
          TableBox.PADDING + TableBox.KEYS,
          top + BASELINE,
          TableBox.name(column));
      text("type", box.width() - TableBox.PADDING, top + BASELINE, TableBox.type(column));
      top += TableBox.ROW;
    }
    if (box.hidden() > 0) {
      text(
          "more",
          TableBox.PADDING + TableBox.KEYS,
          top + BASELINE,
          "and %d more columns".formatted(box.hidden()));
    }
    html.close("g");
  }

  private void text(String style, double x, double y, String text) {
    html.element("text", text, "class", style, "x", number(x), "y", number(y));
  }

  private void line(Reference one) {
    TableBox from = layout.boxes().get(one.table());
    TableBox to = layout.boxes().get(one.target());
    if (from == null || to == null) {
      return;
    }
    double y = from.middle(one.columns().isEmpty() ? "" : one.columns().getFirst());
    double end = to.middle(one.targetColumns().isEmpty() ? "" : one.targetColumns().getFirst());
    html.open("g", "class", one.required() ? "line" : "line optional");
    html.element(
        "title",
        "%s: %s (%s) → %s (%s)"
            .formatted(
                one.name(),
                from.table().name(),
                String.join(", ", one.columns()),
                to.table().name(),
                String.join(", ", one.targetColumns())));
    if (to.layer() < from.layer()) {
      StringBuilder path = new StringBuilder(start(from.x(), y));
      double x = from.x() - FOOT;
      double height = y;
      for (int layer = from.layer() - 1; layer > to.layer(); layer--) {
        TableLayout.Passage lane = layout.lanes().get(new TableLayout.Lane(to.table().id(), layer));
        if (lane != null) {
          path.append(curve(x, height, lane.right(), lane.y()))
              .append(" H")
              .append(number(lane.left()));
          x = lane.left();
          height = lane.y();
        }
      }
      path.append(curve(x, height, to.right() + FOOT, end)).append(" H").append(number(to.right()));
      html.empty("path", "d", path.toString());
      html.empty(
          "path", "class", "foot", "d", manyFoot(from.x(), y, -1) + oneFoot(to.right(), end, 1));
    } else {
      double out = Math.max(from.right(), to.right()) + TableLayout.LOOP;
      boolean loops = to.layer() == from.layer();
      double target = loops ? to.right() : to.x();
      double side = loops ? 1 : -1;
      html.empty(
          "path",
          "d",
          "M%s %s H%s C%s %s %s %s %s %s H%s"
              .formatted(
                  number(from.right()),
                  number(y),
                  number(from.right() + FOOT),
                  number(loops ? out : from.right() + 2 * TableLayout.LOOP),
                  number(y),
                  number(loops ? out : target - 2 * TableLayout.LOOP),
                  number(end),
                  number(target + side * FOOT),
                  number(end),
                  number(target)));
      html.empty(
          "path", "class", "foot", "d", manyFoot(from.right(), y, 1) + oneFoot(target, end, side));
    }
    html.close("g");
  }

  private static String start(double x, double y) {
    return "M%s %s H%s".formatted(number(x), number(y), number(x - FOOT));
  }

  private static String curve(double x, double y, double toX, double toY) {
    double half = (x - toX) / 2;
    return " C%s %s %s %s %s %s"
        .formatted(
            number(x - half), number(y), number(toX + half), number(toY), number(toX), number(toY));
  }

  /** Three toes: there can be many rows at this end. */
  private static String manyFoot(double x, double y, double side) {
    return "M%1$s %2$s L%3$s %4$s L%1$s %5$s"
        .formatted(
            number(x),
            number(y - FOOT_HEIGHT),
            number(x + side * FOOT),
            number(y),
            number(y + FOOT_HEIGHT));
  }

  /** A bar: there is one row at this end. */
  private static String oneFoot(double x, double y, double side) {
    return " M%1$s %2$s V%3$s"
        .formatted(number(x + side * FOOT / 2), number(y - FOOT_HEIGHT), number(y + FOOT_HEIGHT));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.1f", value).replaceFirst("\\.0$", "");
  }
}
