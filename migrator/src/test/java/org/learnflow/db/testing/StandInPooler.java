package org.learnflow.db.testing;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/**
 * Stands in for a connection pooler before a real server: it tells each client a process number of
 * its own, as poolers do, since a cancelled query must reach the pooler. All else it hands on.
 * Source: PostgreSQL documentation, "Message Formats".
 */
public final class StandInPooler implements AutoCloseable {
  private static final int SSL_REQUEST = 80877103;
  private static final int GSS_REQUEST = 80877104;

  private final ServerSocket listener;
  private final PostgresServer server;

  private StandInPooler(ServerSocket listener, PostgresServer server) {
    this.listener = listener;
    this.server = server;
  }

  /** One before {@code server}. */
  public static StandInPooler before(PostgresServer server) {
    try {
      ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
      StandInPooler pooler = new StandInPooler(listener, server);
      Thread.ofVirtual().start(pooler::serve);
      return pooler;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where it listens, on 127.0.0.1. */
  public int port() {
    return listener.getLocalPort();
  }

  private void serve() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        Thread.ofVirtual().start(() -> serve(client));
      } catch (IOException e) {
        return;
      }
    }
  }

  private void serve(Socket client) {
    try (client;
        Socket behind = new Socket(server.host(), server.port())) {
      DataInputStream fromClient = new DataInputStream(client.getInputStream());
      OutputStream toServer = behind.getOutputStream();
      byte[] startup = startup(fromClient, client.getOutputStream());
      new DataOutputStream(toServer).writeInt(startup.length + 4);
      toServer.write(startup);
      Thread.ofVirtual().start(() -> copy(fromClient, toServer));
      untilKeyData(
          new DataInputStream(behind.getInputStream()),
          new DataOutputStream(client.getOutputStream()));
      copy(behind.getInputStream(), client.getOutputStream());
    } catch (IOException e) {
      // One of both went away.
    }
  }

  /** No TLS is offered. */
  private static byte[] startup(DataInputStream client, OutputStream answer) throws IOException {
    while (true) {
      byte[] body = client.readNBytes(client.readInt() - 4);
      int code = java.nio.ByteBuffer.wrap(body).getInt();
      if (code != SSL_REQUEST && code != GSS_REQUEST) {
        return body;
      }
      answer.write('N');
    }
  }

  private static void untilKeyData(DataInputStream from, DataOutputStream to) throws IOException {
    int type;
    do {
      type = from.readUnsignedByte();
      byte[] body = from.readNBytes(from.readInt() - 4);
      if (type == 'K') {
        body[0] ^= 0x40;
      }
      to.writeByte(type);
      to.writeInt(body.length + 4);
      to.write(body);
    } while (type != 'K');
  }

  private static void copy(InputStream from, OutputStream to) {
    try (to) {
      from.transferTo(to);
    } catch (IOException e) {
      // One of both went away.
    }
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
