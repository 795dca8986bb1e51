package org.learnflow.db.tracing;

import io.opentelemetry.exporter.internal.FailedExportException;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Reason;

/** Keeps why something was not sent, which the SDK would only log. */
record WatchedExporter(SpanExporter exporter, Result result) implements SpanExporter {
  /** Why something was not sent, if that happened. */
  static final class Result {
    private final AtomicReference<Optional<String>> failure =
        new AtomicReference<>(Optional.empty());

    Optional<String> failure() {
      return failure.get();
    }
  }

  @Override
  public CompletableResultCode export(Collection<SpanData> spans) {
    CompletableResultCode sent = exporter.export(spans);
    return sent.whenComplete(() -> {
      if (!sent.isSuccess()) {
        result.failure.set(Optional.of(reason(sent.getFailureThrowable())));
      }
    });
  }

  private static String reason(@Nullable Throwable thrown) {
    return switch (thrown) {
      case null -> "the collector refused it";
      case FailedExportException.HttpExportException answered when answered.getResponse() != null ->
          "the collector answered with HTTP status " + answered.getResponse().getStatusCode();
      default -> Reason.of(thrown);
    };
  }

  @Override
  public CompletableResultCode flush() {
    return exporter.flush();
  }

  @Override
  public CompletableResultCode shutdown() {
    return exporter.shutdown();
  }
}
