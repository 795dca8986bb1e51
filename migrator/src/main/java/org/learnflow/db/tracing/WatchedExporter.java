package org.learnflow.db.tracing;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.IOException;
import java.util.Collection;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Keeps why something was not sent, which the SDK would only log. */
record WatchedExporter(SpanExporter exporter, Result result) implements SpanExporter {
  /** Why something was not sent. */
  static final class Result {
    private final AtomicReference<@Nullable Throwable> last = new AtomicReference<>();

    Optional<Throwable> failure() {
      return Optional.ofNullable(last.get());
    }
  }

  @Override
  public CompletableResultCode export(Collection<SpanData> spans) {
    CompletableResultCode sent = exporter.export(spans);
    return sent.whenComplete(() -> {
      if (!sent.isSuccess()) {
        Throwable known = sent.getFailureThrowable();
        result.last.set(known == null ? new IOException("it was refused") : known);
      }
    });
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
