package org.learnflow.db.programs;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Keeps the end of what a program prints on stderr. */
public final class ErrorTail extends OutputStream {
  private static final int MOST = 8192;

  private final ByteArrayOutputStream kept = new ByteArrayOutputStream();

  /** An empty tail. */
  public ErrorTail() {}

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    kept.write(bytes, offset, length);
    if (kept.size() > 2 * MOST) {
      byte[] all = kept.toByteArray();
      kept.reset();
      kept.write(all, all.length - MOST, MOST);
    }
  }

  /** The last part of the output. */
  public synchronized String text() {
    return kept.toString(StandardCharsets.UTF_8).strip();
  }
}
