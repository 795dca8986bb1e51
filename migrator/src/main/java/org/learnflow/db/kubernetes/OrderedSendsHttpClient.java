package org.learnflow.db.kubernetes;

import java.io.IOException;
import java.net.Authenticator;
import java.net.CookieHandler;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import org.learnflow.db.Version;

/**
 * An HTTP client whose web sockets wait with the next message until the one before has been sent.
 * Java's own refuse it ("Send pending"), and the Kubernetes client does not wait, so that a long
 * stdin of a command in a pod would break off wherever the network is slower than the disk.
 *
 * <p>No longer needed once JdkWebSocketImpl.send of the Kubernetes client's module httpclient-jdk
 * waits for, or queues behind, the message before; version 7.8.0 does neither.
 */
final class OrderedSendsHttpClient extends HttpClient {
  private final HttpClient client;

  OrderedSendsHttpClient(HttpClient client) {
    this.client = client;
  }

  @Override
  public WebSocket.Builder newWebSocketBuilder() {
    return new Builder(client.newWebSocketBuilder());
  }

  @Override
  public Optional<CookieHandler> cookieHandler() {
    return client.cookieHandler();
  }

  @Override
  public Optional<Duration> connectTimeout() {
    return client.connectTimeout();
  }

  @Override
  public Redirect followRedirects() {
    return client.followRedirects();
  }

  @Override
  public Optional<ProxySelector> proxy() {
    return client.proxy();
  }

  @Override
  public SSLContext sslContext() {
    return client.sslContext();
  }

  @Override
  public SSLParameters sslParameters() {
    return client.sslParameters();
  }

  @Override
  public Optional<Authenticator> authenticator() {
    return client.authenticator();
  }

  @Override
  public Version version() {
    return client.version();
  }

  @Override
  public Optional<Executor> executor() {
    return client.executor();
  }

  @Override
  public <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler)
      throws IOException, InterruptedException {
    return client.send(request, handler);
  }

  @Override
  public <T> CompletableFuture<HttpResponse<T>> sendAsync(
      HttpRequest request, HttpResponse.BodyHandler<T> handler) {
    return client.sendAsync(request, handler);
  }

  @Override
  public <T> CompletableFuture<HttpResponse<T>> sendAsync(
      HttpRequest request,
      HttpResponse.BodyHandler<T> handler,
      HttpResponse.PushPromiseHandler<T> pushHandler) {
    return client.sendAsync(request, handler, pushHandler);
  }

  private record Builder(WebSocket.Builder builder) implements WebSocket.Builder {
    @Override
    public WebSocket.Builder header(String name, String value) {
      builder.header(name, value);
      return this;
    }

    @Override
    public WebSocket.Builder connectTimeout(Duration timeout) {
      builder.connectTimeout(timeout);
      return this;
    }

    @Override
    public WebSocket.Builder subprotocols(String mostPreferred, String... lesserPreferred) {
      builder.subprotocols(mostPreferred, lesserPreferred);
      return this;
    }

    @Override
    public CompletableFuture<WebSocket> buildAsync(URI uri, WebSocket.Listener listener) {
      return builder.buildAsync(uri, new Opened(listener));
    }
  }

  /** Hands everything on, but an ordered socket to {@code onOpen}, which keeps it for sending. */
  private record Opened(WebSocket.Listener listener) implements WebSocket.Listener {
    @Override
    public void onOpen(WebSocket socket) {
      listener.onOpen(new OrderedSends(socket));
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      return listener.onText(socket, data, last);
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      return listener.onBinary(socket, data, last);
    }

    @Override
    public CompletionStage<?> onPing(WebSocket socket, ByteBuffer message) {
      return listener.onPing(socket, message);
    }

    @Override
    public CompletionStage<?> onPong(WebSocket socket, ByteBuffer message) {
      return listener.onPong(socket, message);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int statusCode, String reason) {
      return listener.onClose(socket, statusCode, reason);
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      listener.onError(socket, error);
    }
  }

  private static final class OrderedSends implements WebSocket {
    private final WebSocket socket;
    private CompletableFuture<WebSocket> last;

    OrderedSends(WebSocket socket) {
      this.socket = socket;
      this.last = CompletableFuture.completedFuture(socket);
    }

    /** A send that failed closes the output, so that the next one fails by itself. */
    private void awaitLast() {
      last.handle((_, _) -> socket).join();
    }

    @Override
    public synchronized CompletableFuture<WebSocket> sendText(CharSequence data, boolean isLast) {
      awaitLast();
      last = socket.sendText(data, isLast);
      return last;
    }

    @Override
    public synchronized CompletableFuture<WebSocket> sendBinary(ByteBuffer data, boolean isLast) {
      awaitLast();
      last = socket.sendBinary(data, isLast);
      return last;
    }

    @Override
    public CompletableFuture<WebSocket> sendPing(ByteBuffer message) {
      return socket.sendPing(message);
    }

    @Override
    public CompletableFuture<WebSocket> sendPong(ByteBuffer message) {
      return socket.sendPong(message);
    }

    @Override
    public CompletableFuture<WebSocket> sendClose(int statusCode, String reason) {
      return socket.sendClose(statusCode, reason);
    }

    @Override
    public void request(long n) {
      socket.request(n);
    }

    @Override
    public String getSubprotocol() {
      return socket.getSubprotocol();
    }

    @Override
    public boolean isOutputClosed() {
      return socket.isOutputClosed();
    }

    @Override
    public boolean isInputClosed() {
      return socket.isInputClosed();
    }

    @Override
    public void abort() {
      socket.abort();
    }
  }
}
