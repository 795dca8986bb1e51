package org.learnflow.db;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The bytes of a text in UTF-8, without a byte order mark. Text that is not UTF-8, or that
 * PostgreSQL cannot store, is refused with its place; every text that the program reads passes
 * through here.
 */
public final class Utf8Input extends InputStream {
  /** Includes the bytes of a character that the end of the buffer splits. */
  private static final int BUFFER = 1 << 13;

  private static final byte[] MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

  private final InputStream input;
  private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
  private final byte[] bytes = new byte[BUFFER];
  private final CharBuffer characters = CharBuffer.allocate(BUFFER);

  /** Of the next byte to return. */
  private int position;

  /** After the last byte that was checked. */
  private int checked;

  /** After the last byte that was read. */
  private int limit;

  /** Bytes of the file before the buffer. */
  private long before;

  private long line = 1;
  private boolean started;
  private boolean ended;

  /** The text of a file, closed with this. */
  public Utf8Input(InputStream input) {
    this.input = input;
  }

  /** A text that is not in UTF-8; the message, without a file's name, can follow it. */
  public static final class NotUtf8Exception extends IOException {
    private static final long serialVersionUID = 1L;

    private final long line;
    private final long offset;
    private final String charset;

    NotUtf8Exception(String what, long line, long offset, String charset) {
      super(what);
      this.line = line;
      this.offset = offset;
      this.charset = charset;
    }

    /** File, line and byte, both counted from 1. */
    public String place(Path file) {
      return "%s, line %d, byte %d".formatted(file, line, offset + 1);
    }

    /** The command that converts it to UTF-8. */
    public String command(Path file) {
      String quoted = "'" + file.toString().replace("'", "'\\''") + "'";
      return "iconv -f %s -t UTF-8 %2$s > %2$s.new && mv %2$s.new %2$s".formatted(charset, quoted);
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (position == checked) {
      if (ended) {
        return -1;
      }
      fill();
    }
    int count = Math.min(length, checked - position);
    System.arraycopy(bytes, position, target, offset, count);
    position += count;
    return count;
  }

  /** Reads more, after the remaining bytes of a character. */
  private void fill() throws IOException {
    System.arraycopy(bytes, checked, bytes, 0, limit - checked);
    before += checked;
    limit -= checked;
    position = 0;
    checked = 0;
    int n;
    if (started) {
      n = input.read(bytes, limit, BUFFER - limit);
    } else {
      n = input.readNBytes(bytes, 0, 4);
      n = n == 0 ? -1 : n;
    }
    ended = n < 0;
    limit += Math.max(n, 0);
    if (!started) {
      started = true;
      lookForMark();
    }
    check();
  }

  private void lookForMark() throws NotUtf8Exception {
    if (begins(0xff, 0xfe, 0, 0) || begins(0, 0, 0xfe, 0xff)) {
      throw notUtf8("is in UTF-32, but only UTF-8 is supported", 0, "UTF-32");
    }
    if (begins(0xff, 0xfe) || begins(0xfe, 0xff)) {
      throw notUtf8("is in UTF-16, but only UTF-8 is supported", 0, "UTF-16");
    }
    if (limit >= MARK.length && Arrays.equals(bytes, 0, MARK.length, MARK, 0, MARK.length)) {
      position = MARK.length;
      checked = MARK.length;
    }
  }

  private boolean begins(int... octets) {
    for (int i = 0; i < octets.length; i++) {
      if (i >= limit || (bytes[i] & 0xff) != octets[i]) {
        return false;
      }
    }
    return true;
  }

  private void check() throws NotUtf8Exception {
    checkAscii();
    if (checked == limit && !ended) {
      return;
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes, checked, limit - checked);
    CoderResult result = decoder.decode(buffer, characters.clear(), ended);
    for (; checked < buffer.position(); checked++) {
      if (bytes[checked] == 0) {
        throw notUtf8(
            "contains a zero byte, which PostgreSQL cannot store; it may be in UTF-16",
            checked,
            (before + checked) % 2 == 0 ? "UTF-16BE" : "UTF-16LE");
      }
      if (bytes[checked] == '\n') {
        line++;
      }
    }
    if (result.isError()) {
      throw notUtf8(
          "is not in UTF-8; it may have been saved in an encoding of Windows or Latin-1",
          checked,
          "WINDOWS-1252");
    }
  }

  /** Most text is ASCII, for which the decoder would take several times as long. */
  private void checkAscii() {
    byte[] text = bytes; // local, which the JVM's first compiler keeps in registers
    int end = limit;
    int lineFeeds = 0;
    int i = checked;
    for (; i < end; i++) {
      byte octet = text[i];
      if (octet <= '\n') {
        if (octet <= 0) {
          break;
        }
        lineFeeds += octet == '\n' ? 1 : 0;
      }
    }
    checked = i;
    line += lineFeeds;
  }

  private NotUtf8Exception notUtf8(String what, int at, String charset) {
    return new NotUtf8Exception(what, line, before + at, charset);
  }

  @Override
  public void close() throws IOException {
    input.close();
  }
}
