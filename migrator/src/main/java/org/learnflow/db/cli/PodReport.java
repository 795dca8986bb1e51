package org.learnflow.db.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.kubernetes.Events;

/**
 * What a pod leaves behind for people who look at the cluster: a termination message, which {@code
 * kubectl describe} shows, and a Warning Event. A failure here does not change how the command
 * ends.
 */
final class PodReport {
  /** Names another file than the default of Kubernetes. */
  private static final String VARIABLE = "LEARNFLOW_DB_TERMINATION_LOG";

  private static final String FILE = "/dev/termination-log";

  /** Kubernetes cuts longer messages in the middle. */
  private static final int LONGEST_TERMINATION_MESSAGE = 4096;

  private static final int LONGEST_EVENT_MESSAGE = 1024;

  private final Environment environment;
  private final ClusterOptions cluster;

  PodReport(Environment environment, ClusterOptions cluster) {
    this.environment = environment;
    this.cluster = cluster;
  }

  /** Leaves one line as termination message. */
  void terminationMessage(String line) {
    Path file = Path.of(environment.get(VARIABLE).orElse(FILE));
    if (!cluster.inPod() || !Files.isWritable(file)) {
      return;
    }
    try {
      Files.writeString(file, cut(line, LONGEST_TERMINATION_MESSAGE));
    } catch (IOException e) {
      // The log contains it too.
    }
  }

  /** Leaves an Event if a release is known. */
  void event(ExitCode code, String line, ConsoleProgress progress) {
    if (!cluster.inPod() || cluster.namedRelease().isEmpty()) {
      return;
    }
    try {
      new Events(cluster.api(), cluster.namespace())
          .warn(
              cluster.release(), cluster.server(), reason(code), cut(line, LONGEST_EVENT_MESSAGE));
    } catch (RuntimeException e) {
      progress.line("event", "not written: " + Reason.of(e));
    }
  }

  /** One word in CamelCase, as Events have it. */
  static String reason(ExitCode code) {
    return switch (code) {
      case OK, FAILED -> "DatabaseUnhealthy";
      case USAGE -> "UsageError";
      case NOT_DEPLOYED -> "DatabaseNotDeployed";
      case NOT_REACHED -> "DatabaseNotReached";
      case CREDENTIALS_REFUSED -> "CredentialsRefused";
      case MIGRATION_FAILED -> "MigrationFailed";
      case HISTORY_DIFFERS -> "MigrationsDiffer";
      case SEEDING_FAILED -> "SeedingFailed";
      case PUBLISHING_FAILED -> "PublishingFailed";
      case REFUSED -> "RefusedForSafety";
    };
  }

  /** A failure as one line: what, where and what to do. */
  static String line(Failure failure) {
    return oneLine(
        failure.what()
            + failure.where().map(where -> " (" + where + ")").orElse("")
            + failure.state().map(state -> "; " + state).orElse("")
            + failure.next().map(next -> "; next: " + next).orElse(""));
  }

  /** Line breaks and runs of spaces become one space; the result is printable. */
  static String oneLine(String text) {
    return Printable.text(text.strip().replaceAll("\\s+", " "));
  }

  /** The start of a text that has at most {@code bytes} bytes in UTF-8, whole characters only. */
  static String cut(String text, int bytes) {
    ByteBuffer room = ByteBuffer.allocate(bytes);
    CharBuffer characters = CharBuffer.wrap(text);
    StandardCharsets.UTF_8.newEncoder().encode(characters, room, true);
    return text.substring(0, characters.position());
  }
}
