package org.learnflow.db.connect;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
import org.learnflow.db.certificates.Chain;

/**
 * Asks a server about TLS, in connections that end before anything secret is sent: neither SQL nor
 * pgjdbc shows the server's certificate. Source: PostgreSQL documentation, "Message Flow".
 *
 * @param address where this process reaches the server
 * @param direct whether services reach it there too, so that the same rules apply to them
 */
public record TlsProbe(DatabaseAddress address, boolean direct) {
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final int SSL_REQUEST = 80877103;
  private static final int PROTOCOL = 3 << 16;

  /** No error and no question is longer. */
  private static final int LONGEST_ANSWER = 1 << 16;

  /** What a server answers to a client without TLS. */
  public enum PlainText {
    /** It lets it in, or asks for the password. */
    ACCEPTED,
    /** Its rules reject the client. */
    REFUSED,
    /** It answers something else, such as that there are too many connections, or is not asked. */
    UNKNOWN
  }

  /**
   * The certificates that the server shows, whether or not anybody trusts them.
   *
   * @throws IOException if it offers no TLS, or does not answer
   */
  public Chain certificates() throws IOException {
    try (Socket socket = open()) {
      DataOutputStream out = new DataOutputStream(socket.getOutputStream());
      out.writeInt(8);
      out.writeInt(SSL_REQUEST);
      if (socket.getInputStream().read() != 'S') {
        throw new IOException("the server does not offer TLS");
      }
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, new TrustManager[] {new Anybody()}, null);
      try (SSLSocket tls =
          (SSLSocket)
              context
                  .getSocketFactory()
                  .createSocket(socket, address.host(), address.port(), true)) {
        tls.startHandshake();
        return new Chain(
            Arrays.stream(tls.getSession().getPeerCertificates())
                .map(X509Certificate.class::cast)
                .toList());
      }
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // each JDK has TLS
    }
  }

  /** Begins a session without TLS, and leaves when the server has answered. */
  public PlainText plainText() {
    if (!direct) {
      return PlainText.UNKNOWN;
    }
    try (Socket socket = open()) {
      socket.getOutputStream().write(startOfSession());
      DataInputStream in = new DataInputStream(socket.getInputStream());
      return switch (in.readByte()) {
        case 'R' -> PlainText.ACCEPTED;
        case 'E' -> isRule(in) ? PlainText.REFUSED : PlainText.UNKNOWN;
        default -> PlainText.UNKNOWN;
      };
    } catch (IOException e) {
      return PlainText.UNKNOWN;
    }
  }

  private byte[] startOfSession() throws IOException {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    for (String text :
        List.of(
            "user",
            address.user(),
            "database",
            address.database(),
            "application_name",
            Connector.APPLICATION_NAME,
            "")) {
      content.write(text.getBytes(StandardCharsets.UTF_8));
      content.write(0);
    }
    ByteArrayOutputStream message = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(message);
    out.writeInt(content.size() + 8);
    out.writeInt(PROTOCOL);
    content.writeTo(out);
    return message.toByteArray();
  }

  /** Whether an error has an SQLSTATE of class 28, invalid authorization. */
  private static boolean isRule(DataInputStream in) throws IOException {
    byte[] fields = in.readNBytes(Math.clamp(in.readInt() - 4L, 0, LONGEST_ANSWER));
    return Arrays.stream(new String(fields, StandardCharsets.UTF_8).split("\0", -1))
        .anyMatch(field -> field.startsWith("C28"));
  }

  private Socket open() throws IOException {
    Socket socket = new Socket();
    try {
      int millis = (int) PATIENCE.toMillis();
      socket.setSoTimeout(millis);
      socket.connect(new InetSocketAddress(address.host(), address.port()), millis);
      return socket;
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** Accepts each certificate, in order to look at it; nothing is sent to who shows it. */
  private static final class Anybody extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
