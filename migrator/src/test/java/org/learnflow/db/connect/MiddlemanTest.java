package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.testing.Certificates;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;

/** Somebody between here and the server: whatever it answers, no password reaches it. */
class MiddlemanTest {
  private static final String PASSWORD = "never-on-the-wire";
  private static final int SSL_REQUEST = 80877103;

  @TempDir private static Path directory;
  private static String trusted;

  @BeforeAll
  static void makeAuthority() throws Exception {
    assumeTrue(Certificates.canBeMade(), "skipped: there is no openssl to make certificates with");
    trusted =
        "&sslrootcert="
            + Certificates.in(Files.createDirectory(directory.resolve("ca"))).authority();
  }

  /** Answers SSLRequest, then asks for the password itself; keeps all it is sent. */
  private static final class Middleman implements AutoCloseable {
    private final ServerSocket socket;
    private final byte[] answer;
    private final ByteArrayOutputStream heard = new ByteArrayOutputStream();

    private Middleman(ServerSocket socket, byte[] answer) {
      this.socket = socket;
      this.answer = answer;
    }

    static Middleman answering(byte... answer) throws IOException {
      Middleman middleman =
          new Middleman(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()), answer);
      Thread.ofVirtual().start(middleman::serve);
      return middleman;
    }

    private void serve() {
      while (!socket.isClosed()) {
        try (Socket client = socket.accept()) {
          client.setSoTimeout(3000);
          talk(new DataInputStream(client.getInputStream()), client.getOutputStream());
        } catch (IOException e) {
          // Closed by one side or the other.
        }
      }
    }

    private void talk(DataInputStream in, OutputStream out) throws IOException {
      int length = in.readInt();
      byte[] first = in.readNBytes(length - 4);
      if (length == 8 && java.nio.ByteBuffer.wrap(first).getInt() == SSL_REQUEST) {
        out.write(answer[0]);
        out.flush();
        if (answer[0] == 'S') {
          in.readNBytes(3);
          in.readNBytes(in.readUnsignedShort()); // ClientHello
          out.write(answer, 1, answer.length - 1);
          out.flush();
          keep(in);
          return;
        }
        in.readNBytes(in.readInt() - 4); // the start of a session without TLS
      }
      out.write(new byte[] {'R', 0, 0, 0, 8, 0, 0, 0, 3}); // the password in clear, please
      out.flush();
      keep(in);
    }

    private void keep(DataInputStream in) throws IOException {
      for (int next = in.read(); next >= 0; next = in.read()) {
        synchronized (heard) {
          heard.write(next);
        }
      }
    }

    String all() {
      synchronized (heard) {
        return heard.toString(StandardCharsets.ISO_8859_1);
      }
    }

    CliResult meets(String parameters) {
      return new Cli(
              Map.of(
                  "LEARNFLOW_DB_DATABASE",
                  "postgresql://owner@127.0.0.1:%d/d?%s"
                      .formatted(socket.getLocalPort(), parameters),
                  "PGPASSWORD",
                  PASSWORD))
          .run("wait", "--timeout", "2s");
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sslmode=verify-full",
        "sslmode=verify-full&channel_binding=require",
        "sslmode=require",
        "sslmode=prefer",
        "sslmode=disable"
      })
  void whoSaysThatThereIsNoTlsGetsNoPassword(String parameters) throws Exception {
    try (Middleman middleman = Middleman.answering((byte) 'N')) {
      CliResult result =
          middleman.meets(parameters + (parameters.contains("verify") ? trusted : ""));
      assertThat(result.exitCode()).as(result.all()).isNotZero();
      assertThat(middleman.all()).doesNotContain(PASSWORD);
    }
  }

  /** The answer to ClientHello is a ServerHello of TLS 1.1. */
  @Test
  void whoDowngradesToTls11GetsNoPassword() throws Exception {
    byte[] hello = new byte[1 + 5 + 4 + 38];
    hello[0] = 'S';
    byte[] head = {0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2};
    System.arraycopy(head, 0, hello, 1, head.length);
    hello[45] = (byte) 0xc0; // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, which TLS 1.1 has
    hello[46] = 0x13;
    try (Middleman middleman = Middleman.answering(hello)) {
      CliResult result = middleman.meets("sslmode=verify-full" + trusted);
      assertThat(result.exitCode()).as(result.all()).isNotZero();
      assertThat(result).says("TLS failed", "TLS11 is not accepted");
      assertThat(middleman.all()).doesNotContain(PASSWORD).doesNotContain("owner");
    }
  }
}
