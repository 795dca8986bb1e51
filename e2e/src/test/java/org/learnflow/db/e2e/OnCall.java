package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.function.Predicate;

/**
 * Somebody who was woken up, and what they read. All of it is kept in {@code target/told.txt}, to
 * be looked at.
 */
final class OnCall {
  /** Soon enough for a test; people have three minutes, and three repetitions. */
  private static final String SOON = "migrator.timeout=15s,migrator.backoffLimit=0";

  private static final Path TOLD = Repository.ROOT.resolve("e2e/target/told.txt");

  private final Release release;
  private final String fault;

  /**
   * Somebody on call.
   *
   * @param fault what is wrong, for {@code told.txt}
   */
  OnCall(Release release, String fault) {
    this.release = release;
    this.fault = fault;
  }

  /** The README's command fails, and its output names the cause. */
  Command installs(String[] options, String... causes) {
    String[] all = Arrays.copyOf(options, options.length + 2);
    all[options.length] = "--set";
    all[options.length + 1] = SOON;
    Command failed = release.upgradeInstall(all).failed();
    assertThat(failed.output()).contains(causes);
    keep(
        "helm",
        failed.output().replace("\\n", "\n"),
        line -> line.matches("\\s*(error|Error|where|state|next):.*"));
    return failed;
  }

  /** verify and status name the cause. */
  void asks(String... causes) {
    Command verify = release.learnflowDb("verify", "--timeout", "15s").failed();
    assertThat(verify.output()).contains("\nunhealthy: ").contains(causes);
    keep("verify", verify.output(), line -> line.matches("(unhealthy: |next ).*"));
    Command status = release.learnflowDb("status", "--timeout", "15s");
    assertThat(status.output()).contains("Problem:     ").contains(causes);
    keep("status", status.output(), line -> line.startsWith("Problem:"));
  }

  private void keep(String who, String text, Predicate<String> counts) {
    StringBuilder told = new StringBuilder();
    text.lines()
        .map(String::strip)
        .filter(counts)
        .distinct()
        .forEach(line -> told.append("%s | %s | %s%n".formatted(fault, who, line)));
    synchronized (OnCall.class) {
      try {
        Files.writeString(
            TOLD, told.toString(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
