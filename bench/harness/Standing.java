package harness;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** What one contestant reached in one case: an outcome for every run. */
record Standing(Contestant contestant, List<Outcome> outcomes) {

  /** Whether it did its work in every run. */
  boolean done() {
    return outcomes.stream().allMatch(Outcome.Done.class::isInstance);
  }

  List<Outcome.Done> runs() {
    return outcomes.stream()
        .filter(Outcome.Done.class::isInstance)
        .map(Outcome.Done.class::cast)
        .toList();
  }

  double median(ToDoubleFunction<Outcome.Done> measure) {
    return median(runs().stream().mapToDouble(measure).toArray());
  }

  /** The median of the ratios within each run, so that drift of the machine cancels out. */
  double ratio(Standing baseline) {
    return median(
        IntStream.range(0, runs().size())
            .mapToDouble(run -> runs().get(run).wall() / baseline.runs().get(run).wall())
            .toArray());
  }

  static double median(double[] values) {
    var sorted = Arrays.stream(values).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
