package org.learnflow.db.tracing;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.resources.Resource;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.Trace;
import org.learnflow.db.Version;
import org.learnflow.db.postgres.SqlStates;

/** A trace that OpenTelemetry's SDK sends as its variables say. */
final class OpenTelemetryTrace implements Trace {
  private static final String NAME = "learnflow-db";

  private static final String PROTOCOL = "http/protobuf";

  /** How long a command waits at its end for what is not sent yet. */
  private static final Duration LONGEST = Duration.ofSeconds(5);

  /** Kept, because loggers without a reference are garbage-collected with their settings. */
  private static final Logger LOGGER = Logger.getLogger("io.opentelemetry");

  /** What this program has nothing for, or no library; set for others, it must not matter here. */
  private static final Map<String, String> ALWAYS =
      Map.of(
          "otel.logs.exporter", "none",
          "otel.metrics.exporter", "none",
          "otel.propagators", "tracecontext,baggage");

  private final OpenTelemetrySdk sdk;
  private final Tracer tracer;
  private final Span whole;
  private final Context inside;
  private final WatchedExporter.Result result;
  private final Progress progress;

  private OpenTelemetryTrace(
      OpenTelemetrySdk sdk,
      String command,
      Context caller,
      WatchedExporter.Result result,
      Progress progress) {
    this.sdk = sdk;
    this.tracer = sdk.getTracer(NAME, Version.number());
    this.whole = tracer.spanBuilder(command).setParent(caller).startSpan();
    this.inside = caller.with(whole);
    this.result = result;
    this.progress = progress;
  }

  /** Begins it, as a part of the caller's if TRACEPARENT names that. */
  static Trace begin(String command, Map<String, String> environment, Progress progress) {
    requireProtocol(environment);
    LOGGER.setLevel(Level.OFF);
    WatchedExporter.Result result = new WatchedExporter.Result();
    OpenTelemetrySdk sdk =
        AutoConfiguredOpenTelemetrySdk.builder()
            .disableShutdownHook()
            .addPropertiesSupplier(() -> properties(environment))
            .addPropertiesCustomizer(_ -> ALWAYS)
            .addResourceCustomizer((found, _) -> resource().merge(found))
            .addSpanExporterCustomizer((exporter, _) -> new WatchedExporter(exporter, result))
            .build()
            .getOpenTelemetrySdk();
    Context caller =
        sdk.getPropagators()
            .getTextMapPropagator()
            .extract(Context.root(), environment, OpenTelemetryTrace::variable);
    OpenTelemetryTrace trace = new OpenTelemetryTrace(sdk, command, caller, result, progress);
    trace.tell("process.executable.name", NAME);
    trace.tell("process.pid", ProcessHandle.current().pid());
    return trace;
  }

  /** The other one, gRPC, would need a library larger than all of OpenTelemetry. */
  private static void requireProtocol(Map<String, String> environment) {
    for (String name :
        List.of("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")) {
      String protocol = environment.getOrDefault(name, "").strip();
      if (protocol.equals(PROTOCOL)) {
        return;
      }
      if (!protocol.isEmpty()) {
        throw Failure.of(
            ExitCode.USAGE,
            "%s is %s, and learnflow-db sends %s only".formatted(name, protocol, PROTOCOL));
      }
    }
  }

  private static Map<String, String> properties(Map<String, String> environment) {
    Map<String, String> properties = new HashMap<>();
    properties.put("otel.exporter.otlp.protocol", PROTOCOL);
    // A second attempt would come later than a command waits.
    properties.put("otel.java.exporter.otlp.retry.disabled", "true");
    if (!environment.getOrDefault("OTEL_RESOURCE_ATTRIBUTES", "").contains("service.name=")) {
      properties.put("otel.service.name", NAME);
    }
    environment.forEach((name, value) -> {
      if (name.startsWith("OTEL_")) {
        properties.put(name.toLowerCase(Locale.ROOT).replace('_', '.'), value);
      }
    });
    return properties;
  }

  private static Resource resource() {
    return Resource.create(
        Attributes.of(AttributeKey.stringKey("service.version"), Version.number()));
  }

  /** {@code traceparent} is the variable TRACEPARENT. */
  private static @Nullable String variable(@Nullable Map<String, String> environment, String key) {
    return environment == null
        ? null
        : environment.get(key.toUpperCase(Locale.ROOT).replace('-', '_'));
  }

  /** A thread that does no part yet works for the command as a whole. */
  private Context context() {
    Context current = Context.current();
    return Span.fromContextOrNull(current) == null ? inside : current;
  }

  @Override
  @SuppressWarnings("MustBeClosed") // It ends with its part.
  public Part begin(String name) {
    Span span = tracer.spanBuilder(name).setParent(context()).startSpan();
    return new SpanPart(span, span.makeCurrent());
  }

  @Override
  public void tell(String name, Object value) {
    tell(whole, name, value);
  }

  @Override
  public void end(ExitCode code) {
    if (code != ExitCode.OK) {
      whole.setStatus(StatusCode.ERROR);
      tell("error.type", type(code));
    }
    end(code.value());
  }

  @Override
  public void end(Failure failure) {
    failed(whole, failure);
    end(failure.code().value());
  }

  private void end(int code) {
    tell("process.exit.code", code);
    whole.end();
    CompletableResultCode sent =
        sdk.getSdkTracerProvider().shutdown().join(LONGEST.toMillis(), TimeUnit.MILLISECONDS);
    Optional<String> why =
        sent.isDone()
            ? result.failure()
            : Optional.of("no answer within %d s".formatted(LONGEST.toSeconds()));
    why.ifPresent(
        reason -> progress.line(Tracing.STEP, "warning: the trace was not sent: " + reason));
  }

  private static void tell(Span span, String name, Object value) {
    if (value instanceof Number number) {
      span.setAttribute(name, number.longValue());
    } else {
      span.setAttribute(name, value.toString());
    }
  }

  /** Only a {@link Failure} says that no password is in its text. */
  private static void failed(Span span, Throwable thrown) {
    Optional<Failure> failure = Failure.in(thrown);
    span.setStatus(StatusCode.ERROR, failure.map(Failure::what).orElse(""));
    tell(
        span,
        "error.type",
        failure.map(known -> type(known.code())).orElseGet(() -> thrown.getClass().getName()));
    String state = SqlStates.of(thrown);
    if (!state.isEmpty()) {
      tell(span, "db.response.status_code", state);
    }
  }

  private static String type(ExitCode code) {
    return code.name().toLowerCase(Locale.ROOT);
  }

  /** A part that is under way in the thread that began it. */
  private record SpanPart(Span span, Scope scope) implements Part {
    @Override
    public Part tell(String name, Object value) {
      OpenTelemetryTrace.tell(span, name, value);
      return this;
    }

    @Override
    public void failed(Throwable thrown) {
      OpenTelemetryTrace.failed(span, thrown);
    }

    @Override
    public void close() {
      scope.close();
      span.end();
    }
  }
}
