package org.learnflow.db.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.learnflow.db.report.DatabaseTables.Column;
import org.learnflow.db.report.DatabaseTables.Table;

/**
 * A table in a picture: its name, and a row for each column.
 *
 * @param columns those that are shown, in their order
 * @param width in pixels
 * @param x of the left side
 * @param y of the top
 * @param layer number of its layer; -1 outside of layers
 */
record TableBox(Table table, List<Column> columns, double width, double x, double y, int layer) {
  static final double ROW = 18;
  static final double HEAD = 26;
  static final double PADDING = 10;

  /** Of the column with PK and FK. */
  static final double KEYS = 24;

  private static final double BOTTOM = 6;
  private static final int MOST_COLUMNS = 24;
  private static final int LONGEST_NAME = 34;
  private static final int LONGEST_TYPE = 22;

  /** Of a character in a font of 12 pixels whose characters have one width. */
  private static final double CHARACTER = 7.3;

  private static final double WIDE_CHARACTER = 13;
  private static final int FIRST_WIDE = 0x1100;
  private static final double BETWEEN_NAME_AND_TYPE = 18;

  /** Keys come first if there are more columns than it shows. */
  static TableBox of(Table table) {
    List<Column> columns = new ArrayList<>(table.columns());
    if (columns.size() > MOST_COLUMNS) {
      List<Column> important =
          columns.stream()
              .sorted(Comparator.comparing(column -> !column.isKey()))
              .limit(MOST_COLUMNS)
              .toList();
      columns.retainAll(important);
    }
    double row =
        columns.stream()
            .mapToDouble(
                column -> KEYS + width(name(column)) + BETWEEN_NAME_AND_TYPE + width(type(column)))
            .max()
            .orElse(0);
    double width = 2 * PADDING + Math.max(row, width(title(table)) * 1.1);
    return new TableBox(table, List.copyOf(columns), Math.ceil(width), 0, 0, -1);
  }

  TableBox at(double left, double top, int number) {
    return new TableBox(table, columns, width, left, top, number);
  }

  static String title(Table table) {
    return shortened(table.name(), LONGEST_NAME);
  }

  static String name(Column column) {
    return shortened(column.name(), LONGEST_NAME);
  }

  /** With a question mark if it can be null. */
  static String type(Column column) {
    return shortened(column.type(), LONGEST_TYPE) + (column.required() ? "" : "?");
  }

  int hidden() {
    return table.columns().size() - columns.size();
  }

  double right() {
    return x + width;
  }

  double bottom() {
    return y + height();
  }

  double height() {
    return HEAD + ROW * (columns.size() + (hidden() > 0 ? 1 : 0)) + BOTTOM;
  }

  /** The middle of the row of a column; of the name if the column is not shown. */
  double middle(String column) {
    for (int i = 0; i < columns.size(); i++) {
      if (columns.get(i).name().equals(column)) {
        return y + HEAD + ROW * i + ROW / 2 + 2;
      }
    }
    return y + HEAD / 2;
  }

  private static String shortened(String text, int longest) {
    int[] characters = text.codePoints().toArray();
    return characters.length <= longest ? text : new String(characters, 0, longest - 1) + "…";
  }

  private static double width(String text) {
    return text.codePoints()
        .mapToDouble(character -> character < FIRST_WIDE ? CHARACTER : WIDE_CHARACTER)
        .sum();
  }
}
