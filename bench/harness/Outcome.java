package harness;

import java.time.Duration;

/** How one measured process ended. */
public sealed interface Outcome {

  /** It did its work: wall and CPU seconds, and the largest resident size of a process in MiB. */
  record Done(double wall, double cpu, double peakMib) implements Outcome {}

  /** It was still busy at the limit and has been ended. */
  record TimedOut(Duration limit) implements Outcome {}

  /** It ended with an error, or with exit code 0 and the work not done. */
  record Failed(String reason) implements Outcome {}
}
