package harness;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One thing that all contestants do, with their outcomes. */
public final class Case {
  private final String title;
  private final Map<Contestant, List<Outcome>> outcomes = new LinkedHashMap<>();

  public Case(String title, List<Contestant> contestants) {
    this.title = title;
    contestants.forEach(contestant -> outcomes.put(contestant, new ArrayList<>()));
  }

  /** Adds what a contestant did in the next run, and says at once when it failed. */
  public void add(Contestant contestant, Outcome outcome) {
    outcomes.get(contestant).add(outcome);
    if (outcome instanceof Outcome.Failed(var reason)) {
      System.err.println(title + ", " + contestant.label() + ": " + reason);
    }
  }

  /** Whether the contestant has not failed or run out of time here before. */
  public boolean stillIn(Contestant contestant) {
    return new Standing(contestant, outcomes.get(contestant)).done();
  }

  boolean anyFailed() {
    return outcomes.values().stream()
        .flatMap(List::stream)
        .anyMatch(Outcome.Failed.class::isInstance);
  }

  String title() {
    return title;
  }

  List<Standing> standings() {
    return outcomes.entrySet().stream()
        .filter(entry -> !entry.getValue().isEmpty())
        .map(entry -> new Standing(entry.getKey(), entry.getValue()))
        .toList();
  }

  /** The fastest of the baseline's ways. */
  Optional<Standing> baseline() {
    return standings().stream()
        .filter(standing -> standing.contestant().baseline() && standing.done())
        .min(Comparator.comparingDouble(standing -> standing.median(Outcome.Done::wall)));
  }
}
