package org.learnflow.db.programs;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.SessionSettings;
import org.learnflow.db.postgres.SqlStates;

/** Runs PostgreSQL's programs where they are installed: in the server's pod, or on this machine. */
public interface PostgresPrograms {
  /** Creates dumps. */
  String PG_DUMP = "pg_dump";

  /** Reads dumps. */
  String PG_RESTORE = "pg_restore";

  /** A version number, as {@code --version} and servers report it. */
  Pattern VERSION = Pattern.compile("(?<major>\\d+)(\\.\\d+|beta\\d+|rc\\d+|devel)");

  /** Where they run, for messages. */
  String place();

  /** What {@code program --version} reports, such as 17.6. */
  String version(String program);

  /**
   * Runs a program. It finds server, role and password in its environment; it ends when this
   * process ends.
   *
   * @param command program and arguments, without a password
   * @param input of its stdin
   * @param output takes its stdout
   * @throws IOException what {@code input} or {@code output} throws
   */
  Ended run(List<String> command, Input input, OutputStream output) throws IOException;

  /**
   * Reads a dump completely with pg_restore, without an output.
   *
   * @param input the dump
   * @throws IOException what {@code input} throws
   */
  default Ended read(Input input) throws IOException {
    return run(List.of(PG_RESTORE, "--file=/dev/null"), input, OutputStream.nullOutputStream());
  }

  /**
   * The same, and if these programs are remote, keeps the dump with them, beside the server's data,
   * so that it is not sent again.
   *
   * @param loading pg_restore and arguments, which will load it later
   */
  default Read readAndKeep(List<String> loading, Input input) throws IOException {
    return new Read(read(input), Optional.empty());
  }

  /**
   * A dump that was read.
   *
   * @param ended how pg_restore ended
   * @param kept the dump, if it was kept
   */
  record Read(Ended ended, Optional<KeptDump> kept) {}

  /**
   * Writes a small file where the programs are, readable only by them.
   *
   * @param name of the file, without a folder
   * @throws IOException if it cannot be written
   */
  PlacedFile place(String name, byte[] content) throws IOException;

  /** A file that exists until this is closed. */
  interface PlacedFile extends AutoCloseable {
    /** Its path for the programs. */
    String path();

    @Override
    void close();
  }

  /** A dump that is kept where the programs are, until this is closed or its connection ends. */
  interface KeptDump extends AutoCloseable {
    /**
     * Loads it; call it only once.
     *
     * @param position receives the number of bytes read, about once a second
     * @return how pg_restore ended; empty if the dump is no longer kept
     */
    Optional<Ended> load(LongConsumer position);

    @Override
    void close();
  }

  /** Free space on the disk of the server's data, if known. */
  default OptionalLong freeBytes() {
    return OptionalLong.empty();
  }

  /**
   * What a program reads.
   *
   * @param bytes of it, neither more nor fewer
   */
  record Input(InputStream stream, long bytes) {
    /** Nothing. */
    public static Input none() {
      return new Input(InputStream.nullInputStream(), 0);
    }
  }

  /**
   * How a program ended.
   *
   * @param errors the end of what it printed on stderr
   */
  record Ended(int exitCode, String errors) {
    private static final int DETAILS = 3;

    /** What to do about it, before running the same command again. */
    public String remedy() {
      return errors.contains(SqlStates.TEMP_FILE_LIMIT)
          ? "lift the limit as a superuser: ALTER ROLE ... or ALTER DATABASE ... RESET temp_file_limit"
              + " (SELECT * FROM pg_db_role_setting shows where it is set)"
          : "fix what it reports";
    }

    /** The first error that it printed, with its details; what follows is a consequence. */
    public String reason() {
      List<String> lines =
          errors.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
      int first = 0;
      while (first < lines.size() - 1 && !lines.get(first).contains("error:")) {
        first++;
      }
      return lines.isEmpty()
          ? "exit code " + exitCode
          : String.join("; ", lines.subList(first, Math.min(first + DETAILS, lines.size())));
    }
  }

  /**
   * An argument that names a database, whatever its name is, and gives the program's session the
   * same settings as ours.
   *
   * @param serverMajor major version of the server
   * @param more settings of that session, such as {@code -c client_encoding=UTF8}
   */
  static String database(String name, int serverMajor, String more) {
    return "--dbname=%s %s"
        .formatted(
            DatabaseAddress.parameter(name),
            DatabaseAddress.parameter(
                "options", SessionSettings.programOptions(serverMajor) + more));
  }

  /** The first number of a version, 0 if there is none. */
  static int major(String version) {
    Matcher matcher = VERSION.matcher(version);
    return matcher.find() ? Integer.parseInt(matcher.group("major")) : 0;
  }

  /** The version in a program's output for {@code --version}. */
  static Optional<String> versionIn(String answer) {
    Matcher matcher = VERSION.matcher(answer);
    return matcher.find() ? Optional.of(matcher.group()) : Optional.empty();
  }
}
