package org.learnflow.db.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.report.DatabaseTables.Reference;
import org.learnflow.db.report.DatabaseTables.Table;

/**
 * Where each table of a picture is: tables that others refer to on the left, those that refer to
 * them in layers to the right, and tables without foreign keys below. A reference across layers
 * passes each layer in between in a lane of its target, so that it crosses no table.
 *
 * @param boxes tables by ID
 * @param lanes ways through layers
 * @param width of the whole picture
 * @param height of the whole picture
 */
record TableLayout(
    Map<Long, TableBox> boxes, Map<Lane, TableLayout.Passage> lanes, double width, double height) {
  private static final double MARGIN = 12;
  private static final double BETWEEN_LAYERS = 76;
  private static final double BETWEEN_TABLES = 22;
  private static final double LANE_HEIGHT = 6;
  private static final double LEAST_WIDTH = 1000;
  private static final int SWEEPS = 8;

  /** How far a line reaches that leaves a table and comes back on the same side. */
  static final double LOOP = 30;

  /** A way through a layer for the references to a table. */
  record Lane(long target, int layer) {}

  /**
   * Where a lane begins, ends, and how high it is.
   *
   * @param left side of the layer
   * @param right side of the layer
   * @param y height
   */
  record Passage(double left, double right, double y) {}

  /** A table or a lane in a layer. */
  private static final class Slot {
    private final long table;
    private final @Nullable TableBox box;
    private final double height;
    private final List<Slot> neighbours = new ArrayList<>();
    private double y;

    /** A lane if there is no box. */
    private Slot(long table, @Nullable TableBox box) {
      this.table = table;
      this.box = box;
      this.height = box == null ? LANE_HEIGHT : box.height();
    }

    private double width() {
      return box == null ? 0 : box.width();
    }

    private double middle() {
      return y + height / 2;
    }

    private double wanted() {
      return neighbours.stream().mapToDouble(Slot::middle).average().orElse(middle());
    }
  }

  static TableLayout of(DatabaseTables database) {
    Map<Long, TableBox> boxes = new LinkedHashMap<>();
    database.tables().forEach(table -> boxes.put(table.id(), TableBox.of(table)));
    Map<Long, Integer> depths = depths(database);
    List<List<Slot>> layers = layers(database, depths, boxes);
    arrange(layers);
    return placed(layers, boxes, depths);
  }

  /** The layer of each table that has a foreign key or is referred to; cycles are cut somewhere. */
  private static Map<Long, Integer> depths(DatabaseTables database) {
    Map<Long, Set<Long>> targets = new LinkedHashMap<>();
    Set<Long> connected = new HashSet<>();
    for (Reference one : database.references()) {
      connected.add(one.table());
      connected.add(one.target());
      if (one.table() != one.target()) {
        targets.computeIfAbsent(one.table(), _ -> new HashSet<>()).add(one.target());
      }
    }
    Map<Long, Integer> depths = new HashMap<>();
    for (Table table : database.tables()) {
      if (connected.contains(table.id())) {
        depth(table.id(), targets, depths, new HashSet<>());
      }
    }
    return depths;
  }

  private static int depth(
      long table, Map<Long, Set<Long>> targets, Map<Long, Integer> depths, Set<Long> above) {
    Integer known = depths.get(table);
    if (known != null) {
      return known;
    }
    above.add(table);
    int depth =
        targets.getOrDefault(table, Set.of()).stream()
            .filter(target -> !above.contains(target))
            .sorted()
            .mapToInt(target -> 1 + depth(target, targets, depths, above))
            .max()
            .orElse(0);
    above.remove(table);
    depths.put(table, depth);
    return depth;
  }

  private static List<List<Slot>> layers(
      DatabaseTables database, Map<Long, Integer> depths, Map<Long, TableBox> boxes) {
    int count = depths.values().stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
    List<List<Slot>> layers =
        IntStream.range(0, count)
            .<List<Slot>>mapToObj(_ -> new ArrayList<>())
            .collect(Collectors.toCollection(ArrayList::new));
    Map<Lane, Slot> slots = new HashMap<>();
    boxes.forEach((id, box) -> {
      Integer depth = depths.get(id);
      if (depth != null) {
        Slot slot = new Slot(id, box);
        layers.get(depth).add(slot);
        slots.put(new Lane(id, depth), slot);
      }
    });
    for (Reference one : database.references()) {
      int from = depths.getOrDefault(one.target(), 0);
      int to = depths.getOrDefault(one.table(), 0);
      Slot last = slots.get(new Lane(one.target(), from));
      for (int layer = from + 1; layer < to; layer++) {
        List<Slot> here = layers.get(layer);
        Slot lane =
            slots.computeIfAbsent(
                new Lane(one.target(), layer),
                key -> {
                  Slot made = new Slot(key.target(), null);
                  here.add(made);
                  return made;
                });
        join(last, lane);
        last = lane;
      }
      if (from < to) {
        join(last, slots.get(new Lane(one.table(), to)));
      }
    }
    return layers;
  }

  private static void join(@Nullable Slot one, @Nullable Slot other) {
    if (one != null && other != null && !one.neighbours.contains(other)) {
      one.neighbours.add(other);
      other.neighbours.add(one);
    }
  }

  /** Moves what belongs together to the same height, to and fro. */
  private static void arrange(List<List<Slot>> layers) {
    layers.forEach(TableLayout::stack);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      for (List<Slot> layer : sweep % 2 == 0 ? layers : layers.reversed()) {
        Map<Slot, Double> wanted =
            layer.stream().collect(Collectors.toMap(slot -> slot, Slot::wanted));
        layer.sort(Comparator.comparing(slot -> wanted.getOrDefault(slot, 0.0)));
        stack(layer);
        double shift =
            layer.stream()
                .mapToDouble(slot -> wanted.getOrDefault(slot, 0.0) - slot.middle())
                .average()
                .orElse(0);
        layer.forEach(slot -> slot.y += shift);
      }
    }
  }

  private static void stack(List<Slot> layer) {
    double y = 0;
    for (Slot slot : layer) {
      slot.y = y;
      y += slot.height + BETWEEN_TABLES;
    }
  }

  private static TableLayout placed(
      List<List<Slot>> layers, Map<Long, TableBox> boxes, Map<Long, Integer> depths) {
    double top =
        layers.stream().flatMap(List::stream).mapToDouble(slot -> slot.y).min().orElse(0) - MARGIN;
    Map<Long, TableBox> placed = new LinkedHashMap<>();
    Map<Lane, Passage> lanes = new HashMap<>();
    double x = MARGIN;
    double bottom = 0;
    for (int number = 0; number < layers.size(); number++) {
      List<Slot> layer = layers.get(number);
      double left = x;
      double right = left + layer.stream().mapToDouble(Slot::width).max().orElse(0);
      for (Slot slot : layer) {
        double y = slot.y - top;
        bottom = Math.max(bottom, y + slot.height);
        if (slot.box == null) {
          lanes.put(new Lane(slot.table, number), new Passage(left, right, y + slot.height / 2));
        } else {
          placed.put(slot.table, slot.box.at(left, y, number));
        }
      }
      x = right + BETWEEN_LAYERS;
    }
    List<TableBox> alone =
        boxes.entrySet().stream()
            .filter(entry -> !depths.containsKey(entry.getKey()))
            .map(Map.Entry::getValue)
            .toList();
    below(
        alone,
        bottom == 0 ? MARGIN : bottom + 2 * BETWEEN_TABLES,
        Math.max(LEAST_WIDTH, x - BETWEEN_LAYERS),
        placed);
    return new TableLayout(
        placed,
        lanes,
        placed.values().stream().mapToDouble(TableBox::right).max().orElse(0) + LOOP + MARGIN,
        placed.values().stream().mapToDouble(TableBox::bottom).max().orElse(0) + MARGIN);
  }

  /** In columns of equal width, each table in the shortest. */
  private static void below(
      List<TableBox> alone, double top, double room, Map<Long, TableBox> placed) {
    double widest = alone.stream().mapToDouble(TableBox::width).max().orElse(0) + BETWEEN_TABLES;
    double[] ends = new double[Math.max(1, (int) (room / widest))];
    Arrays.fill(ends, top);
    for (TableBox box : alone) {
      int shortest =
          IntStream.range(0, ends.length)
              .boxed()
              .min(Comparator.comparingDouble(column -> ends[column]))
              .orElse(0);
      placed.put(box.table().id(), box.at(MARGIN + shortest * widest, ends[shortest], -1));
      ends[shortest] += box.height() + BETWEEN_TABLES;
    }
  }
}
