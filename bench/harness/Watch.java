package harness;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import lib.Failure;

/**
 * When things happened in a namespace, by the clock of this machine: objects themselves tell whole
 * seconds only. Objects that were there before do not count.
 */
public final class Watch implements AutoCloseable {
  /** What is reported of an object of each kind: its name and its progress in words. */
  private static final Map<String, String> TOLD =
      Map.of(
          "jobs",
          "{.object.metadata.name} {.object.status.conditions[?(@.status==\"True\")].type}",
          "pods",
          "{.object.metadata.name} {.object.status.conditions[?(@.status==\"True\")].type}"
              + " {.object.status.phase}",
          "configmaps",
          "{.object.metadata.name} {.object.data}",
          "events",
          "{.object.involvedObject.name} {.object.reason}");

  private static final Pattern WORD = Pattern.compile("\\w+");
  private static final int UP_SECONDS = 20;

  private record Moment(String kind, String name, String word) {}

  private final List<Process> processes = new ArrayList<>();
  private final CountDownLatch up = new CountDownLatch(TOLD.size());
  private final Set<String> added = ConcurrentHashMap.newKeySet();
  private final Map<Moment, Long> moments = new ConcurrentHashMap<>();

  private Watch() {}

  /** Returns when all that happens from now on is seen. */
  public static Watch of(String namespace) throws IOException, InterruptedException {
    var watch = new Watch();
    for (var told : TOLD.entrySet()) {
      watch.start(namespace, told.getKey(), told.getValue());
    }
    if (!watch.up.await(UP_SECONDS, TimeUnit.SECONDS)) {
      watch.close();
      throw new Failure("kubectl does not watch namespace " + namespace);
    }
    return watch;
  }

  private void start(String namespace, String kind, String told) throws IOException {
    var line =
        Cluster.kubectlLine(
            List.of(
                "get",
                kind,
                "-n",
                namespace,
                "--watch-only",
                "--output-watch-events",
                "-v=6",
                "-o",
                "jsonpath={.type} {.object.metadata.uid} " + told + "{\"\\n\"}"));
    var process = new ProcessBuilder(line).redirectErrorStream(true).start();
    processes.add(process);
    Thread.ofVirtual().start(() -> read(kind, process.inputReader()));
  }

  private void read(String kind, BufferedReader lines) {
    lines
        .lines()
        .forEach(line -> {
          if (line.contains("watch=true")) {
            up.countDown();
          } else if (line.startsWith("ADDED ") || line.startsWith("MODIFIED ")) {
            read(kind, line.split(" ", 4), System.currentTimeMillis());
          }
        });
  }

  private void read(String kind, String[] fields, long now) {
    if (fields[0].equals("ADDED")) {
      added.add(fields[1]);
    }
    if (added.contains(fields[1])) {
      WORD.matcher(fields[0] + " " + fields[3])
          .results()
          .forEach(word -> moments.putIfAbsent(new Moment(kind, fields[2], word.group()), now));
    }
  }

  /** When an object whose name starts so first said this word; empty if it has not. */
  public OptionalLong first(String kind, String name, String word) {
    return moments.entrySet().stream()
        .filter(entry -> entry.getKey().kind().equals(kind))
        .filter(entry -> entry.getKey().name().startsWith(name))
        .filter(entry -> entry.getKey().word().equals(word))
        .mapToLong(Map.Entry::getValue)
        .min();
  }

  @Override
  public void close() {
    processes.forEach(Process::destroy);
  }
}
