package org.learnflow.db.e2e;

import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/** Says how each test ends, and at the end which promises hold. Found by JUnit as a service. */
public final class Summary implements TestExecutionListener {
  private final Map<TestIdentifier, Long> started = new ConcurrentHashMap<>();
  private final List<Line> lines = new CopyOnWriteArrayList<>();
  private final long begin = System.nanoTime();

  private record Line(String test, String promise, String outcome, double seconds) {}

  /** A test's short name. */
  static String name(Method method) {
    return method.getDeclaringClass().getSimpleName() + "." + method.getName();
  }

  @Override
  public void executionStarted(TestIdentifier test) {
    if (test.isTest()) {
      started.put(test, System.nanoTime());
      System.out.printf("e2e      %s ...%n", name(test));
    }
  }

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    if (!test.isTest()) {
      result
          .getThrowable()
          .ifPresent(
              failure -> lines.add(new Line(test.getDisplayName(), "" + failure, "failed", 0)));
      return;
    }
    String outcome =
        switch (result.getStatus()) {
          case SUCCESSFUL -> "holds";
          case FAILED -> "FAILED";
          case ABORTED -> "skipped";
        };
    double seconds = (System.nanoTime() - started.get(test)) / 1e9;
    lines.add(new Line(name(test), test.getDisplayName(), outcome, seconds));
    System.out.printf("e2e      %s %s, %.0f s%n", name(test), outcome, seconds);
  }

  @Override
  public void executionSkipped(TestIdentifier test, String reason) {
    lines.add(new Line(name(test), reason, "skipped", 0));
  }

  @Override
  public void testPlanExecutionFinished(TestPlan plan) {
    String rows =
        lines.stream()
            .sorted((one, other) -> one.test().compareTo(other.test()))
            .map(line ->
                "| %-34s | %-7s | %4.0f | %s |%n"
                    .formatted(line.test(), line.outcome(), line.seconds(), line.promise()))
            .collect(Collectors.joining());
    System.out.printf(
        "%n| %-34s | %-7s | %4s | promise |%n|%s|%n%s%nall: %.0f s%n",
        "test", "", "s", "---|---|---:|---", rows, (System.nanoTime() - begin) / 1e9);
  }

  private static String name(TestIdentifier test) {
    return test.getSource()
        .filter(MethodSource.class::isInstance)
        .map(MethodSource.class::cast)
        .map(source -> name(source.getJavaMethod()))
        .orElse(test.getDisplayName());
  }
}
