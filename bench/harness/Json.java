package harness;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The results as a file that is easy to compare with its earlier versions. */
final class Json {
  private Json() {}

  static String of(Machine machine, Server server, int runs, List<Case> cases)
      throws IOException, InterruptedException {
    return """
    {
      "date": "%s",
      "cores": %d,
      "memory_gib": %d,
      "java": "%s",
      "postgresql": "%s",
      "server": "%s",
      "runs": %d,
      "cases": [
    %s
      ]
    }
    """
        .formatted(
            machine.date(),
            machine.cores(),
            machine.memoryGib(),
            machine.java(),
            server.version(),
            server.origin() + ": " + server.settings(),
            runs,
            cases.stream().map(Json::measured).collect(Collectors.joining(",\n")));
  }

  private static String measured(Case measured) {
    var baseline = measured.baseline();
    return """
        {
          "case": "%s",
          "contestants": [
    %s
          ]
        }\
    """
        .formatted(
            measured.title(),
            measured.standings().stream()
                .map(standing -> "        {" + standing(standing, baseline) + "}")
                .collect(Collectors.joining(",\n")));
  }

  private static String standing(Standing standing, Optional<Standing> baseline) {
    var contestant = standing.contestant();
    return "\"name\": \"%s\", \"version\": \"%s\", "
            .formatted(contestant.name(), contestant.version())
        + switch (standing.outcomes().getLast()) {
          case Outcome.Done _ -> done(standing, baseline);
          case Outcome.TimedOut(var limit) -> "\"over_seconds\": " + limit.toSeconds();
          case Outcome.Failed _ -> "\"failed\": true";
        };
  }

  private static String done(Standing standing, Optional<Standing> baseline) {
    var ratio =
        baseline.map(psql -> "\"times_psql\": %.2f, ".formatted(standing.ratio(psql))).orElse("");
    return "\"wall_seconds\": %.3f, %s\"cpu_seconds\": %.3f, \"peak_mib\": %.1f, \"runs\": %s"
        .formatted(
            standing.median(Outcome.Done::wall),
            ratio,
            standing.median(Outcome.Done::cpu),
            standing.median(Outcome.Done::peakMib),
            standing.runs().stream().map(Outcome.Done::wall).toList());
  }
}
