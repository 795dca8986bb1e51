package org.learnflow.db.backup;

import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.learnflow.db.Meter;

/**
 * As many bytes as were announced, even if there are more by now, reported to a meter as they are
 * read; an end before that is an error.
 */
public class MeteredInput extends FilterInputStream {
  private final Meter meter;
  private final String shorter;
  private long left;

  /**
   * Reads {@code in}.
   *
   * @param bytes how many were announced
   * @param shorter says how many of them are missing, such as {@code %d bytes are missing}
   */
  public MeteredInput(InputStream in, long bytes, Meter meter, String shorter) {
    super(in);
    this.left = bytes;
    this.meter = meter;
    this.shorter = shorter;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws IOException {
    if (left == 0) {
      return -1;
    }
    int read = super.read(buffer, offset, (int) Math.min(length, left));
    if (read < 0) {
      throw new EOFException(shorter.formatted(left));
    }
    left -= read;
    meter.passed(read);
    return read;
  }
}
