package lib;

/** Ends a tool with a message for whoever runs it. */
public final class Failure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int exit;

  public Failure(String message) {
    this(1, message);
  }

  public Failure(int exit, String message) {
    super(message);
    this.exit = exit;
  }

  /** The exit code that the tool ends with. */
  int exit() {
    return exit;
  }
}
