package org.learnflow.db.seed;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Adds what is read to the checksum. */
final class ObservedInput extends FilterInputStream {
  private final SeedChecksum checksum;

  /** An observed input. */
  ObservedInput(InputStream input, SeedChecksum checksum) {
    super(input);
    this.checksum = checksum;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    int n = in.read(target, offset, length);
    if (n > 0) {
      checksum.update(target, offset, n);
    }
    return n;
  }
}
