package org.learnflow.db.seed;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.learnflow.db.Meter;
import org.learnflow.db.Utf8Input;

/**
 * A text file's bytes with {@code \n} for {@code \r\n}, also inside quoted fields, so that a file
 * means the same regardless of how it was checked out. A {@code \r} that is not followed by {@code
 * \n} stays.
 */
final class NormalizedInput extends InputStream {
  private final InputStream input;
  private final byte[] raw = new byte[1 << 16];
  private int position;
  private int limit;

  /** A seed file, which is in UTF-8. */
  static InputStream of(Path file) throws IOException {
    return new NormalizedInput(new Utf8Input(Files.newInputStream(file)));
  }

  /** The same, which counts the file's bytes as they are read. */
  static InputStream of(Path file, Meter meter) throws IOException {
    return new NormalizedInput(new Utf8Input(new CountedInput(Files.newInputStream(file), meter)));
  }

  /** The size of a file, 0 if it is unknown. */
  static long bytes(Path file) {
    return file.toFile().length();
  }

  NormalizedInput(InputStream input) {
    this.input = input;
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
    int written = 0;
    while (written < length) {
      if (position == limit && (written > 0 || !fill())) {
        return written > 0 ? written : -1;
      }
      int carriageReturn = indexOfCarriageReturn(Math.min(limit, position + length - written));
      int plain = carriageReturn - position;
      System.arraycopy(raw, position, target, offset + written, plain);
      position += plain;
      written += plain;
      if (position < limit && written < length && raw[position] == '\r') {
        if (followedByLineFeed()) {
          position++;
        } else {
          target[offset + written++] = '\r';
          position++;
        }
      }
    }
    return written;
  }

  private int indexOfCarriageReturn(int end) {
    byte[] bytes = raw; // local, which the JVM's first compiler keeps in a register
    for (int i = position; i < end; i++) {
      if (bytes[i] == '\r') {
        return i;
      }
    }
    return end;
  }

  /** Looks past the carriage return at {@link #position}, which may need more input. */
  private boolean followedByLineFeed() throws IOException {
    if (position + 1 == limit) {
      // The carriage return itself is no longer needed; raw[0] stands for it.
      int n = input.read(raw, 1, raw.length - 1);
      position = 0;
      limit = 1 + Math.max(n, 0);
    }
    return position + 1 < limit && raw[position + 1] == '\n';
  }

  private boolean fill() throws IOException {
    limit = Math.max(input.read(raw, 0, raw.length), 0);
    position = 0;
    return limit > 0;
  }

  @Override
  public void close() throws IOException {
    input.close();
  }
}
