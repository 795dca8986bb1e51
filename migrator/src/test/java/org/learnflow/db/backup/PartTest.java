package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A file at a name that others can guess. */
@Timeout(60)
@SuppressWarnings("NullAway.Init") // set before each test
class PartTest {
  @TempDir private Path folder;
  private Path path;
  private Path victim;

  @BeforeEach
  void files() throws IOException {
    path = folder.resolve("dump.part");
    victim = Files.writeString(folder.resolve("victim"), "precious");
  }

  @ParameterizedTest
  @ValueSource(strings = {"nothing", "leftover", "symbolic link", "dangling link", "link", "pipe"})
  void theFileIsNewAndOursAlone(String found) throws Exception {
    switch (found) {
      case "leftover" -> {
        Files.writeString(path, "old");
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw-rw-"));
      }
      case "symbolic link" -> Files.createSymbolicLink(path, victim);
      case "dangling link" -> Files.createSymbolicLink(path, folder.resolve("made"));
      case "link" -> Files.createLink(path, victim);
      case "pipe" ->
          assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor()).isZero();
      default -> {}
    }
    try (Part part = Part.make(path).orElseThrow()) {
      part.channel().write(ByteBuffer.wrap(new byte[] {'x'}));
      assertThat(part.isStillThere()).isTrue();
      assertThat(Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)).isTrue();
      assertThat(path).hasContent("x");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rw-------");
    }
    assertThat(victim).hasContent("precious");
    assertThat(folder.toFile().list()).containsExactlyInAnyOrder("dump.part", "victim");
  }

  @Test
  void aFolderIsLeftAlone() throws Exception {
    Files.createDirectory(path);
    assertThatThrownBy(() -> Part.make(path)).isInstanceOf(FileSystemException.class);
    assertThat(path).isDirectory();
  }

  @Test
  void whoeverHasItKeepsItUntilItIsClosed() throws Exception {
    try (Part part = Part.make(path).orElseThrow()) {
      assertThat(Part.make(path)).isEmpty();
      assertThat(part.isStillThere()).isTrue();
    }
    try (Part next = Part.make(path).orElseThrow()) {
      assertThat(next.isStillThere()).isTrue();
    }
  }

  @Test
  void aFileThatSomebodyElsePutThereIsNotOurs() throws Exception {
    try (Part part = Part.make(path).orElseThrow()) {
      Files.move(path, folder.resolve("away"));
      assertThat(part.isStillThere()).isFalse();
      Files.writeString(path, "theirs");
      assertThat(part.isStillThere()).isFalse();
    }
  }

  @Test
  void ofManyAtOnceOneHasIt() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (int round = 0; round < 1000; round++) {
        if (round % 2 == 0) {
          Files.writeString(path, "left by a killed one");
        }
        List<Callable<Optional<Part>>> tasks = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          tasks.add(() -> Part.make(path));
        }
        List<Part> made = new ArrayList<>();
        for (Future<Optional<Part>> task : threads.invokeAll(tasks)) {
          task.get().ifPresent(made::add);
        }
        assertThat(made).hasSize(1);
        assertThat(made.getFirst().isStillThere()).isTrue();
        assertThatNoException().isThrownBy(made.getFirst()::close);
      }
    }
  }
}
