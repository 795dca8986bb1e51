import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import lib.Reports;
import lib.Tool;

/** Prints the slowest tests of the last runs: {@code java tools/Slowest.java MODULE...}. */
final class Slowest {
  private static final int SHOWN = 20;

  private Slowest() {}

  static void main(String[] modules) throws Exception {
    Tool.run(() -> {
      List<Reports.Test> tests = new ArrayList<>();
      for (String module : modules) {
        tests.addAll(Reports.of(module));
      }
      tests.stream()
          .sorted(Comparator.comparingDouble(Reports.Test::seconds).reversed())
          .limit(SHOWN)
          .forEach(test -> System.out.printf("%7.1f s  %s%n", test.seconds(), test.name()));
    });
  }
}
