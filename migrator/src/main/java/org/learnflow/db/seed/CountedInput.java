package org.learnflow.db.seed;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.learnflow.db.Meter;

/** Counts what is read of a file, as it is on the disk. */
final class CountedInput extends FilterInputStream {
  private final Meter meter;

  CountedInput(InputStream input, Meter meter) {
    super(input);
    this.meter = meter;
  }

  @Override
  public int read() throws IOException {
    int octet = in.read();
    meter.passed(octet < 0 ? 0 : 1);
    return octet;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    int n = in.read(target, offset, length);
    meter.passed(n);
    return n;
  }
}
