package org.learnflow.db.verify;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Failure;
import org.learnflow.db.Version;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.postgres.RunLedger;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;

/** A command under way, which records in the database how long its steps took and how it ended. */
public final class RecordedRun {
  private final String command;
  private final MigrationFiles migrations;
  private final long begun = System.nanoTime();
  private final Map<String, Double> steps = new LinkedHashMap<>();

  /**
   * It begins now.
   *
   * @param command its name
   * @param migrations with which the schema's state is recorded
   */
  public RecordedRun(String command, MigrationFiles migrations) {
    this.command = command;
    this.migrations = migrations;
  }

  /** A step's work. */
  @FunctionalInterface
  public interface Work<T, E extends Exception> {
    /** Does it. */
    T run() throws E;
  }

  /** Does a step, and keeps how long it took. */
  public <T, E extends Exception> T step(String name, Work<T, E> work) throws E {
    long start = System.nanoTime();
    try {
      return work.run();
    } finally {
      steps.put(name, seconds(start));
    }
  }

  /** Seconds of each step so far, to the millisecond. */
  public Map<String, Double> steps() {
    return Collections.unmodifiableMap(new LinkedHashMap<>(steps));
  }

  /**
   * Does the command's work, and records how it ended.
   *
   * @param owner a session of the owner
   * @param found what the work found out about the database; empty if it verified nothing
   * @throws Failure of the work
   */
  public <T> T in(Session owner, Supplier<T> work, Function<T, Optional<Verification>> found) {
    T result;
    try {
      result = work.get();
    } catch (Failure failure) {
      // Where there is no connection any more, nobody waits for one to record that.
      owner.runIfOpen(connection -> failed(connection, failure));
      throw failure;
    }
    ended(owner, found.apply(result));
    return result;
  }

  /**
   * Records a failure.
   *
   * @param owner a connection of the owner, in autocommit mode
   */
  public boolean failed(Connection owner, Failure failure) throws SQLException {
    return record(owner, failure.what(), null);
  }

  /**
   * Records that the work was done.
   *
   * @param found what it found out about the database; empty if it verified nothing
   */
  public void ended(Session owner, Optional<Verification> found) {
    owner.run(
        command,
        connection ->
            record(
                connection,
                found.flatMap(Verification::reason).orElse(""),
                found.map(known -> json(findings(known))).orElse(null)));
  }

  /**
   * Records a verification, with figures that only metrics need.
   *
   * @param owner a session of the owner
   * @param access how it was opened
   */
  public void verified(Session owner, DatabaseAccess access, Verification verification) {
    Map<String, Object> findings = findings(verification);
    owner.run(
        command,
        connection -> {
          findings.put("figures", Figures.read(connection, access).byName());
          return record(connection, verification.reason().orElse(""), json(findings));
        });
  }

  private static Map<String, Object> findings(Verification verification) {
    Map<String, Integer> stages = new LinkedHashMap<>();
    for (StageResult stage : verification.stages()) {
      stages.merge(stage.name(), stage.ok() ? stage.warning() ? 1 : 0 : 2, Math::max);
    }
    Map<String, Object> findings = new LinkedHashMap<>();
    findings.put("healthy", verification.healthy() ? 1 : 0);
    findings.put("stages", stages);
    return findings;
  }

  /**
   * An object of numbers, and of such objects; without a mapper, whose start each run would feel.
   */
  private static String json(Map<String, ?> numbers) {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
      write(json, numbers);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // there is none in memory
    }
    return text.toString();
  }

  private static void write(JsonGenerator json, Map<?, ?> numbers) throws IOException {
    json.writeStartObject();
    for (Map.Entry<?, ?> entry : numbers.entrySet()) {
      json.writeFieldName(String.valueOf(entry.getKey()));
      if (entry.getValue() instanceof Map<?, ?> object) {
        write(json, object);
      } else {
        json.writeNumber(String.valueOf(entry.getValue()));
      }
    }
    json.writeEndObject();
  }

  private boolean record(Connection connection, String failure, @Nullable String findings)
      throws SQLException {
    SchemaState state = SchemaState.read(connection, migrations);
    RunLedger.record(
        connection,
        new RunLedger.Run(
            command,
            seconds(begun),
            failure,
            state.currentText(),
            state.pending().size(),
            json(steps),
            findings,
            Version.number()));
    return true;
  }

  private static double seconds(long start) {
    return Math.round((System.nanoTime() - start) / 1e6) / 1e3;
  }
}
