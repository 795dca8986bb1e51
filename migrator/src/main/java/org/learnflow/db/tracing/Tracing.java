package org.learnflow.db.tracing;

import java.util.List;
import java.util.Map;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.Trace;

/** Whether OpenTelemetry's variables ask for a trace. */
public final class Tracing {
  static final String STEP = "trace";
  private static final String EXPORTER = "OTEL_TRACES_EXPORTER";

  private static final List<String> SWITCHES =
      List.of("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", EXPORTER);

  private Tracing() {}

  /**
   * The trace of a command that begins now. What keeps it from being sent is a warning.
   *
   * @param command its name, such as {@code learnflow-db run}
   * @param environment variables
   */
  public static Trace begin(String command, Map<String, String> environment, Progress progress) {
    if (!isWanted(environment)) {
      return Trace.NONE;
    }
    try {
      return OpenTelemetryTrace.begin(command, environment, progress);
    } catch (RuntimeException | LinkageError e) {
      Throwable cause = e.getCause();
      progress.line(STEP, "warning: no trace is sent: " + Reason.of(cause == null ? e : cause));
      return Trace.NONE;
    }
  }

  private static boolean isWanted(Map<String, String> environment) {
    return SWITCHES.stream().anyMatch(name -> !environment.getOrDefault(name, "").isBlank())
        && !environment.getOrDefault(EXPORTER, "").strip().equals("none")
        && !environment.getOrDefault("OTEL_SDK_DISABLED", "").strip().equalsIgnoreCase("true");
  }
}
