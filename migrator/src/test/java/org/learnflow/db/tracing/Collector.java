package org.learnflow.db.tracing;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.trace.v1.ResourceSpans;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import org.learnflow.db.testing.Cli;

/** A collector that takes spans in OTLP's binary form over HTTP, and keeps them. */
final class Collector implements AutoCloseable {
  private static final int OK = 200;

  private final HttpServer server;
  private final List<byte[]> received = new CopyOnWriteArrayList<>();

  Collector() {
    this(OK);
  }

  /** It answers with this status. */
  Collector(int status) {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/v1/traces", exchange -> take(exchange, status));
    server.start();
  }

  private void take(HttpExchange exchange, int status) throws IOException {
    try (exchange) {
      received.add(exchange.getRequestBody().readAllBytes());
      exchange.getResponseHeaders().set("Content-Type", "application/x-protobuf");
      exchange.sendResponseHeaders(status, -1);
    }
  }

  /** Without a path. */
  String uri() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** The program, which sends its trace here. */
  Cli watching(Cli cli) {
    return cli.with("OTEL_EXPORTER_OTLP_ENDPOINT", uri());
  }

  /** What came with the spans: the program's own names and version. */
  Map<String, String> resource() {
    return attributes(resourceSpans().getFirst().getResource().getAttributesList());
  }

  /** All spans, in the order of their beginnings. */
  List<Span> spans() {
    return resourceSpans().stream()
        .flatMap(resource -> resource.getScopeSpansList().stream())
        .flatMap(scope -> scope.getSpansList().stream())
        .sorted((one, other) ->
            Long.compareUnsigned(one.getStartTimeUnixNano(), other.getStartTimeUnixNano()))
        .toList();
  }

  /** The only span of this name. */
  Span span(String name) {
    List<Span> found = spans().stream().filter(span -> span.getName().equals(name)).toList();
    if (found.size() != 1) {
      throw new AssertionError("%d spans %s in:%n%s".formatted(found.size(), name, names()));
    }
    return found.getFirst();
  }

  /** Each span's name behind those of all that it is a part of. */
  List<String> names() {
    List<Span> spans = spans();
    return spans.stream().map(span -> path(span, spans)).toList();
  }

  private static String path(Span span, List<Span> spans) {
    return spans.stream()
        .filter(other -> other.getSpanId().equals(span.getParentSpanId()))
        .findFirst()
        .map(parent -> path(parent, spans) + " > " + span.getName())
        .orElse(span.getName());
  }

  /** All that came, as text in which a password would be found. */
  String text() {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    received.forEach(all::writeBytes);
    return all.toString(StandardCharsets.UTF_8);
  }

  static Map<String, String> attributes(List<KeyValue> list) {
    Map<String, String> attributes = new TreeMap<>();
    for (KeyValue attribute : list) {
      attributes.put(
          attribute.getKey(),
          attribute.getValue().hasIntValue()
              ? Long.toString(attribute.getValue().getIntValue())
              : attribute.getValue().getStringValue());
    }
    return attributes;
  }

  private List<ResourceSpans> resourceSpans() {
    return received.stream()
        .flatMap(bytes -> parse(bytes).getResourceSpansList().stream())
        .toList();
  }

  private static ExportTraceServiceRequest parse(byte[] bytes) {
    try {
      return ExportTraceServiceRequest.parseFrom(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
