package org.learnflow.db;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Something that the reader of the message can act on: what failed, where, in which state things
 * are now, and what to type next. Never contains a password.
 */
public final class Failure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ExitCode code;
  private final @Nullable String where;
  private final @Nullable String state;
  private final @Nullable String next;

  private Failure(
      ExitCode code,
      String what,
      @Nullable String where,
      @Nullable String state,
      @Nullable String next,
      @Nullable Throwable cause) {
    super(what, cause);
    this.code = code;
    this.where = where;
    this.state = state;
    this.next = next;
  }

  /** A failure that is described by {@code what}, one sentence without a full stop. */
  public static Failure of(ExitCode code, String what) {
    return new Failure(code, what, null, null, null, null);
  }

  /** The first one in the chain of causes. */
  public static Optional<Failure> in(Throwable thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof Failure failure) {
        return Optional.of(failure);
      }
    }
    return Optional.empty();
  }

  /** The same, described by {@code text}. */
  public Failure what(String text) {
    return new Failure(code, text, where, state, next, getCause());
  }

  /** The same, ending the process with another code. */
  public Failure code(ExitCode other) {
    return new Failure(other, what(), where, state, next, getCause());
  }

  /**
   * The same with the file and line, SQLSTATE or address where it happened; none if the text is
   * empty.
   */
  public Failure where(String text) {
    return new Failure(code, what(), text.isBlank() ? null : text, state, next, getCause());
  }

  /** The same with the state that things are left in. */
  public Failure state(String text) {
    return new Failure(code, what(), where, text, next, getCause());
  }

  /** The same with the next thing to do, preferably a command. */
  public Failure next(String text) {
    return new Failure(code, what(), where, state, text, getCause());
  }

  /** The same with its cause, which is shown only with {@code -v}. */
  public Failure causedBy(Throwable cause) {
    return new Failure(code, what(), where, state, next, cause);
  }

  /** How the process ends because of this. */
  public ExitCode code() {
    return code;
  }

  /** What failed, one sentence. */
  public String what() {
    return String.valueOf(getMessage());
  }

  /** Where it failed: file and line, SQLSTATE, address. */
  public Optional<String> where() {
    return Optional.ofNullable(where);
  }

  /** What state things are in now. */
  public Optional<String> state() {
    return Optional.ofNullable(state);
  }

  /** What to do next. */
  public Optional<String> next() {
    return Optional.ofNullable(next);
  }

  /** The whole message as users read it: one line for each part that is known. */
  public String text() {
    StringBuilder text = new StringBuilder("error: ").append(what());
    where().ifPresent(part -> text.append("\n  where: ").append(part));
    state().ifPresent(part -> text.append("\n  state: ").append(part));
    next().ifPresent(part -> text.append("\n  next:  ").append(part));
    return text.toString();
  }
}
