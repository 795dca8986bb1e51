package org.learnflow.db;

/**
 * What a tracing system gets to know: which parts a command has, how long each takes, and how it
 * ends. Never contains a password.
 */
public interface Trace {
  /** Nobody wants to know. */
  Trace NONE =
      new Trace() {
        @Override
        public Part begin(String name) {
          return NOTHING;
        }

        @Override
        public void tell(String name, Object value) {}

        @Override
        public void end(ExitCode code) {}

        @Override
        public void end(Failure failure) {}
      };

  /** A part of {@link #NONE}. */
  Part NOTHING =
      new Part() {
        @Override
        public Part tell(String name, Object value) {
          return this;
        }

        @Override
        public void failed(Throwable thrown) {}

        @Override
        public void close() {}
      };

  /** A part of a command, or of another part; it takes until it is closed. */
  interface Part extends AutoCloseable {
    /**
     * Says something about it.
     *
     * @param name as OpenTelemetry names it, or beginning with {@code learnflow_db.}
     * @param value a text or a whole number
     */
    Part tell(String name, Object value);

    /** Says why it fails. */
    void failed(Throwable thrown);

    /** It is over. */
    @Override
    void close();
  }

  /** What a part does. */
  @FunctionalInterface
  interface Work<T, E extends Exception> {
    /** Does it. */
    T run(Part part) throws E;
  }

  /** Begins a part of what this thread does at the moment. */
  Part begin(String name);

  /** Says something about the whole command. */
  void tell(String name, Object value);

  /** The command has ended; what is left to tell is sent within a few seconds, or never. */
  void end(ExitCode code);

  /** The same, if it failed. */
  void end(Failure failure);

  /** Does work as a part of what this thread does at the moment. */
  default <T, E extends Exception> T part(String name, Work<T, E> work) throws E {
    try (Part part = begin(name)) {
      try {
        return work.run(part);
      } catch (Throwable e) {
        part.failed(e);
        throw e;
      }
    }
  }
}
