package harness;

import lib.Failure;

/**
 * The options that the benchmarks understand.
 *
 * @param runs measured runs of each case, after one warm-up
 * @param large whether 10,000 migrations are measured too
 * @param rows rows of the seed file
 * @param save whether results and README are written
 */
public record Options(int runs, boolean large, int rows, boolean save) {
  private static final String USAGE = "options: [--runs N] [--large] [--rows N] [--no-save]";

  public static Options parse(String... arguments) {
    return parse(new Options(5, false, 2_000_000, true), arguments);
  }

  /** The same with other defaults. */
  public static Options parse(Options defaults, String... arguments) {
    var options = defaults;
    for (int i = 0; i < arguments.length; i++) {
      options =
          switch (arguments[i]) {
            case "--runs" -> options.withRuns(number(arguments, ++i));
            case "--rows" -> options.withRows(number(arguments, ++i));
            case "--large" -> new Options(options.runs, true, options.rows, options.save);
            case "--no-save" -> new Options(options.runs, options.large, options.rows, false);
            default -> throw new Failure("unknown " + arguments[i] + "; " + USAGE);
          };
    }
    return options;
  }

  private Options withRuns(int number) {
    return new Options(number, large, rows, save);
  }

  private Options withRows(int number) {
    return new Options(runs, large, number, save);
  }

  private static int number(String[] arguments, int index) {
    if (index < arguments.length && arguments[index].matches("[1-9][0-9]{0,8}")) {
      return Integer.parseInt(arguments[index]);
    }
    throw new Failure(arguments[index - 1] + " needs a number; " + USAGE);
  }
}
