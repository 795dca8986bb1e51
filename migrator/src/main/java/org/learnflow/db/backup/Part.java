package org.learnflow.db.backup;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A file with a guessable name, in a folder that others may write to: newly created, private, and
 * locked against other backups. An existing file is a leftover unless it is locked; it is removed
 * and never written to, because it may be a link to something else, or readable by others.
 */
final class Part implements AutoCloseable {
  /** Two backups that start at once may remove each other's file, but not for long. */
  private static final int ATTEMPTS = 10;

  private final Path path;
  private final FileChannel channel;
  private @Nullable Object key;
  private @Nullable FileLock held;

  /** Open for as long as the file: POSIX releases a lock when any channel to the file is closed. */
  private @Nullable FileChannel atItsName;

  private Part(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /**
   * Creates the file.
   *
   * @return empty if another backup is writing it
   */
  static Optional<Part> make(Path path) throws IOException {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        if (!removed(path)) {
          return Optional.empty();
        }
        Part part = new Part(path, create(path));
        try {
          if (part.isOurs()) {
            return Optional.of(part);
          }
          part.close();
        } catch (IOException | RuntimeException e) {
          part.close();
          throw e;
        }
      } catch (FileAlreadyExistsException | NoSuchFileException e) {
        // Another backup was faster at creating or removing it.
      }
    }
    return Optional.empty();
  }

  /** A file that did not exist before, mode 0600: a dump contains everybody's data. */
  static FileChannel create(Path path) throws IOException {
    boolean posix = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
    return FileChannel.open(
        path,
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
        posix
            ? new FileAttribute<?>[] {
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
            }
            : new FileAttribute<?>[0]);
  }

  /** Removes what a killed backup left; false if somebody is writing it. */
  private static boolean removed(Path path) throws IOException {
    BasicFileAttributes found;
    try {
      found = attributes(path);
    } catch (NoSuchFileException e) {
      return true;
    }
    if (found.isDirectory()) {
      throw new FileSystemException(path.toString(), null, "is a folder");
    }
    if (!found.isRegularFile()) {
      Files.delete(path);
      return true;
    }
    try (FileChannel leftover =
        FileChannel.open(path, Set.of(StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS))) {
      if (lock(leftover).isEmpty()) {
        return false;
      }
      // While it is locked, the file keeps its name: nobody else removes it.
      if (Objects.equals(found.fileKey(), key(path))) {
        Files.delete(path);
      }
    }
    return true;
  }

  /**
   * Locks the new file, and checks that its name still leads to it: somebody may have taken it for
   * a leftover in between. A mark written to it shows that; from then on nobody removes it.
   */
  private boolean isOurs() throws IOException {
    held = lock(channel).orElse(null);
    if (held == null || !attributes(path).isRegularFile()) {
      return false;
    }
    byte[] mark = UUID.randomUUID().toString().getBytes(StandardCharsets.US_ASCII);
    channel.write(ByteBuffer.wrap(mark));
    FileChannel named =
        FileChannel.open(path, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
    atItsName = named;
    ByteBuffer found = ByteBuffer.allocate(mark.length);
    while (found.hasRemaining() && named.read(found) >= 0) {}
    channel.truncate(0);
    key = key(path);
    return Arrays.equals(found.array(), mark);
  }

  /**
   * Whether the file is locked and still at its name. Check again after reading the file, which may
   * have released the lock.
   */
  boolean isStillThere() throws IOException {
    if (held != null) {
      held.release();
    }
    held = lock(channel).orElse(null);
    try {
      return held != null && Objects.equals(key, key(path));
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** The file, open for writing. */
  FileChannel channel() {
    return channel;
  }

  /** The lock ends with the channel, or with the process. */
  private static Optional<FileLock> lock(FileChannel channel) throws IOException {
    try {
      return Optional.ofNullable(channel.tryLock());
    } catch (OverlappingFileLockException e) {
      return Optional.empty();
    }
  }

  private static @Nullable Object key(Path path) throws IOException {
    return attributes(path).fileKey();
  }

  private static BasicFileAttributes attributes(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public void close() throws IOException {
    try (channel) {
      if (atItsName != null) {
        atItsName.close();
      }
    }
  }
}
