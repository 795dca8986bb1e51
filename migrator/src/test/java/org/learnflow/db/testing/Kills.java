package org.learnflow.db.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.learnflow.db.ExitCode;

/**
 * Kills a command, as kill -9 does, at random moments of one stage of its work, and counts the
 * kills that met it there. Every failure names the seed, and {@code -Dseed=} repeats its moments.
 */
public final class Kills {
  /** How Java tells an end by SIGKILL. */
  private static final int KILLED = 128 + 9;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Supplier<Cli.Running> command;
  private final Stage stage;
  private final Duration length;

  private Kills(Supplier<Cli.Running> command, Stage stage, Duration length) {
    this.command = command;
    this.stage = stage;
    this.length = length;
  }

  /**
   * A part of a command's work.
   *
   * @param begin whether it has begun
   * @param end whether it is over, as far as the command had told when it was killed
   */
  public record Stage(Moment begin, Moment end) {
    /** From one text on stderr to another. */
    public static Stage between(String begin, String end) {
      return new Stage(running -> running.hasSaid(begin), running -> running.hasSaid(end));
    }

    /** From a text on stderr on until the command ends. */
    public static Stage from(String begin) {
      return from(running -> running.hasSaid(begin));
    }

    /** From a moment on until the command ends. */
    public static Stage from(Moment begin) {
      return new Stage(begin, running -> false);
    }
  }

  /** A moment of a command's work. */
  @FunctionalInterface
  public interface Moment {
    /** Whether it has come. */
    boolean reached(Cli.Running running) throws SQLException;
  }

  /** What a test does before or after a kill. */
  @FunctionalInterface
  public interface Step {
    /** Does it. */
    void run() throws Exception;
  }

  /** What a test asserts after a kill. */
  @FunctionalInterface
  public interface Aftermath {
    /**
     * Asserts what has to hold.
     *
     * @return whether there was anything of what the test is about
     */
    boolean holds() throws Exception;
  }

  /**
   * Runs the command once undisturbed, which has to succeed, to see how long the stage takes.
   *
   * @param command starts it
   */
  public static Kills in(Stage stage, Supplier<Cli.Running> command) throws SQLException {
    Cli.Running running = command.get();
    Eventually.within(PATIENCE, "the stage begins", () -> stage.begin.reached(running));
    long start = System.nanoTime();
    Eventually.within(
        PATIENCE, "the stage ends", () -> stage.end.reached(running) || !running.isAlive());
    Duration length = Duration.ofNanos(System.nanoTime() - start);
    assertThat(running.await()).exited(ExitCode.OK);
    return new Kills(command, stage, length);
  }

  /** The same as {@link #times(int, Step, Aftermath)} where being in the stage is all it takes. */
  public void times(int times, Step before, Step after) throws Exception {
    times(
        times,
        before,
        () -> {
          after.run();
          return true;
        });
  }

  /**
   * Kills the command so many times, and asserts that at least a third of the kills met it. Where
   * one comes too late, the machine is faster than when the stage was measured, and the next ones
   * come earlier.
   *
   * @param before is done before each start
   */
  public void times(int times, Step before, Aftermath after) throws Exception {
    long seed = Long.getLong("seed", System.nanoTime());
    Random random = new Random(seed);
    List<String> kills = new ArrayList<>();
    int met = 0;
    long expected = length.toNanos();
    try {
      for (int i = 0; i < times; i++) {
        before.run();
        Duration moment = Duration.ofNanos(random.nextLong(expected));
        boolean inStage = kill(moment);
        expected = inStage ? expected : Math.max(moment.toNanos(), expected / 2);
        kills.add(moment.toMillis() + (inStage ? " ms" : " ms, too late"));
        met += after.holds() && inStage ? 1 : 0;
      }
    } catch (Exception | AssertionError e) {
      throw new AssertionError(told(seed, kills), e);
    }
    assertThat(met).as(told(seed, kills)).isGreaterThanOrEqualTo((times + 2) / 3);
  }

  /** Whether it met the command in the stage. */
  private boolean kill(Duration moment) throws SQLException, InterruptedException {
    Cli.Running running = command.get();
    Eventually.within(PATIENCE, "the stage begins", () -> stage.begin.reached(running));
    Thread.sleep(moment);
    return running.kill().exitCode() == KILLED && !stage.end.reached(running);
  }

  private String told(long seed, List<String> kills) {
    return "-Dseed=%d, kills in a stage of %d ms: %s".formatted(seed, length.toMillis(), kills);
  }
}
