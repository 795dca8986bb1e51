package org.learnflow.db.seed;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.learnflow.db.Progress;

/** Adds what is read to the checksum, and reports progress. */
final class ObservedInput extends FilterInputStream {
  private static final long TELL_EVERY = 16L << 20;

  private final SeedChecksum checksum;
  private final String file;
  private final Progress progress;
  private long bytes;
  private long told;

  /**
   * An observed input.
   *
   * @param file its name, for people
   */
  ObservedInput(InputStream input, SeedChecksum checksum, String file, Progress progress) {
    super(input);
    this.checksum = checksum;
    this.file = file;
    this.progress = progress;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    int n = in.read(target, offset, length);
    if (n > 0) {
      checksum.update(target, offset, n);
      bytes += n;
      if (bytes - told >= TELL_EVERY) {
        told = bytes;
        progress.update(SeedLoader.STEP, "%s: %d MiB".formatted(file, bytes >> 20));
      }
    }
    return n;
  }
}
