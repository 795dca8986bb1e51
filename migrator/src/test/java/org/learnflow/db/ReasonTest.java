package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.net.http.HttpTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.learnflow.db.testing.TestFiles;

/** Exceptions in words. */
class ReasonTest {
  @Test
  void noExceptionNeedsTheNameOfAClass() {
    Map<Throwable, String> words =
        Map.ofEntries(
            Map.entry(new NoSuchFileException("/a"), "/a: no such file or folder"),
            Map.entry(new AccessDeniedException("/a"), "/a: permission denied"),
            Map.entry(new NotDirectoryException("/a"), "/a: it is not a folder"),
            Map.entry(
                new FileSystemException("/a", null, "Read-only file system"),
                "/a: Read-only file system"),
            Map.entry(new UnknownHostException("h"), "the host name h is unknown"),
            Map.entry(new ConnectException(), "no connection"),
            Map.entry(new ConnectException("Connection refused"), "Connection refused"),
            Map.entry(new ClosedChannelException(), "the connection was closed"),
            Map.entry(new ClosedByInterruptException(), "the connection was closed"),
            Map.entry(new EOFException(), "unexpected end of data"),
            Map.entry(new SocketTimeoutException(), "no answer in time"),
            Map.entry(new HttpTimeoutException("request timed out"), "request timed out"),
            Map.entry(new MalformedInputException(1), "it contains bytes that are not valid UTF-8"),
            Map.entry(new FileSystemLoopException("/a"), "/a"),
            Map.entry(new IOException(new ConnectException()), "no connection"),
            Map.entry(
                new IOException("java.net.ConnectException: Connection refused"),
                "Connection refused"),
            Map.entry(new ExecutionException(new IOException("broken")), "broken"),
            Map.entry(
                new CompletionException(new UncheckedIOException(new IOException("broken"))),
                "broken"),
            Map.entry(
                new UncheckedIOException("reading /a", new NoSuchFileException("/a")),
                "reading /a: no such file or folder"),
            Map.entry(
                new UncheckedIOException("reading /a", new NoSuchFileException("/b")),
                "reading /a: /b: no such file or folder"),
            Map.entry(new IllegalStateException(), "illegal state"),
            Map.entry(Failure.of(ExitCode.FAILED, "what failed"), "what failed"));
    words.forEach((thrown, text) -> assertThat(Reason.of(thrown)).isEqualTo(text));
  }

  /** Texts of exceptions are made in one place. */
  @Test
  void noOtherClassMakesATextOfAnException() {
    Pattern made = Pattern.compile("(?:\\+ |String\\.valueOf\\()(?:e|cause|thrown)\\)");
    try (Stream<java.nio.file.Path> files =
        java.nio.file.Files.walk(TestFiles.repository().resolve("migrator/src/main/java"))) {
      files
          .filter(
              file -> file.toString().endsWith(".java") && !file.endsWith("FailureHandler.java"))
          .forEach(file -> {
            Matcher found = made.matcher(TestFiles.read(file));
            assertThat(found.find()).as(file.toString()).isFalse();
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
