package org.learnflow.db.seed;

import java.nio.file.Path;
import java.util.function.Supplier;
import org.learnflow.db.Elapsed;
import org.learnflow.db.Meter;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;

/** Reports what is done with a seed file at the moment. */
final class FileState implements AutoCloseable {
  private final Path file;
  private final Ongoing ongoing;
  private volatile Supplier<String> now = () -> "";

  private FileState(Progress progress, Path file) {
    this.file = file;
    doing("loading");
    this.ongoing =
        Ongoing.begin(progress, SeedLoader.STEP, () -> "%s: %s".formatted(name(), now.get()));
  }

  static FileState begin(Progress progress, Path file) {
    return new FileState(progress, file);
  }

  /** The file's name. */
  String name() {
    return String.valueOf(file.getFileName());
  }

  /**
   * It is read from its beginning.
   *
   * @param doing what happens to what was read, such as {@code copied}
   */
  Meter reading(String doing) {
    Meter meter = new Meter(doing, NormalizedInput.bytes(file));
    now = meter::text;
    return meter;
  }

  /** The server does something of which nobody knows how far it is. */
  void doing(String what) {
    Elapsed elapsed = Elapsed.fromNow();
    now = () -> "%s, %s".formatted(what, elapsed.soFar());
  }

  @Override
  public void close() {
    ongoing.close();
  }
}
