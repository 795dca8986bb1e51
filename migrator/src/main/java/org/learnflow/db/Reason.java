package org.learnflow.db;

import java.io.EOFException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Why something failed, in words for users: the only place that turns an exception into text.
 * Java's own text is only the class of an exception if it has no message, or only the file.
 */
public final class Reason {
  /**
   * The name of a class with its package, as it appears in the text of a wrapper around a cause.
   */
  private static final String CLASS_NAME = "\\b(?:[a-z]\\w*\\.)+[A-Z]\\w*(?:Exception|Error)\\b";

  private Reason() {}

  /** A few words without a full stop, and without the name of a class. */
  public static String of(Throwable thrown) {
    Throwable cause = thrown.getCause();
    return switch (thrown) {
      case Failure failure -> failure.what();
      case NoSuchFileException e -> e.getFile() + ": no such file or folder";
      case AccessDeniedException e -> e.getFile() + ": permission denied";
      case FileAlreadyExistsException e -> e.getFile() + ": it already exists";
      case NotDirectoryException e -> e.getFile() + ": it is not a folder";
      case DirectoryNotEmptyException e -> e.getFile() + ": the folder is not empty";
      case FileSystemException e when e.getReason() != null ->
          (e.getFile() == null ? "" : e.getFile() + ": ") + e.getReason();
      case UnknownHostException e -> "the host name %s is unknown".formatted(e.getMessage());
      case ConnectException e -> or(e.getMessage(), "no connection");
      case ClosedChannelException _ -> "the connection was closed";
      case EOFException e -> or(e.getMessage(), "unexpected end of data");
      case SocketTimeoutException _, TimeoutException _ -> "no answer in time";
      case InterruptedException _ -> "interrupted";
      case CharacterCodingException _ -> "it contains bytes that are not valid UTF-8";
      case UncheckedIOException e when cause != null && isOwn(e) -> of(e.getMessage(), of(cause));
      case Throwable t when cause != null && !isOwn(t) -> of(cause);
      default -> or(thrown.getMessage(), words(thrown));
    };
  }

  /** What was done, and why it failed, without repeating a file name. */
  private static String of(@Nullable String doing, String why) {
    String what = String.valueOf(doing);
    int file = why.indexOf(": ");
    return what
        + ": "
        + (file > 0 && what.contains(why.substring(0, file)) ? why.substring(file + 2) : why);
  }

  /**
   * Whether the message says more than the cause, whose text is that of a wrapper without a
   * message.
   */
  private static boolean isOwn(Throwable thrown) {
    String message = Objects.requireNonNullElse(thrown.getMessage(), "");
    return !message.isBlank() && !message.equals(String.valueOf(thrown.getCause()));
  }

  private static String or(@Nullable String message, String otherwise) {
    String text = message == null ? "" : message.replaceAll(CLASS_NAME + "(?:: *)?", "").strip();
    return text.isEmpty() ? otherwise : text;
  }

  /** {@code HttpTimeoutException} as "http timeout". */
  private static String words(Throwable thrown) {
    return thrown
        .getClass()
        .getSimpleName()
        .replaceFirst("(?<=.)(Exception|Error)$", "")
        .replaceAll("(?<=[a-z])(?=[A-Z])", " ")
        .toLowerCase(Locale.ROOT);
  }
}
