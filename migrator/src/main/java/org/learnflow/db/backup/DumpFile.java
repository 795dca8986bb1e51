package org.learnflow.db.backup;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Meter;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.programs.PostgresPrograms;

/** A dump that is read from beginning to end, and loaded. */
public final class DumpFile implements AutoCloseable {
  private static final int BUFFER = 1 << 16;
  private static final int HEAD = 4 << 20;

  private final Path path;
  private final Progress progress;
  private final String step;
  private Optional<PostgresPrograms.KeptDump> kept = Optional.empty();

  /** A dump at {@code path}; {@code step} is the step that reads it. */
  public DumpFile(Path path, Progress progress, String step) {
    this.path = path;
    this.progress = progress;
    this.step = step;
  }

  /**
   * Reads it completely with pg_restore, without an output, which finds truncation and most flipped
   * bits.
   *
   * @return its SHA-256
   * @throws Failure 10 if it is damaged
   */
  public String readWhole(PostgresPrograms programs) {
    return readWhole(programs, programs::read);
  }

  /**
   * The same, and if possible keeps it where the programs are, for {@link #load}.
   *
   * @param destination of the load that is to follow
   */
  public String readAndKeep(PostgresPrograms programs, Destination destination) {
    return readWhole(
        programs,
        input -> {
          PostgresPrograms.Read read = programs.readAndKeep(destination.command(programs), input);
          kept = read.kept();
          return read.ended();
        });
  }

  /**
   * What pg_restore prints of a dump without reading its rows; empty if it fails, which reading it
   * completely then explains.
   *
   * @param option such as {@code --list}
   */
  public Optional<String> print(PostgresPrograms programs, String... option) {
    List<String> command = new ArrayList<>(List.of(PostgresPrograms.PG_RESTORE));
    command.addAll(List.of(option));
    try (InputStream file = Files.newInputStream(path)) {
      // The table of contents comes first; it is rarely longer than that.
      byte[] head = file.readNBytes(HEAD);
      ByteArrayOutputStream output = new ByteArrayOutputStream();
      InputStream begin = new ByteArrayInputStream(head);
      boolean done =
          programs.run(command, new PostgresPrograms.Input(begin, head.length), output).exitCode()
              == 0;
      if (!done && head.length == HEAD) {
        output.reset();
        InputStream all = new SequenceInputStream(new ByteArrayInputStream(head), file);
        done =
            programs.run(command, new PostgresPrograms.Input(all, size()), output).exitCode() == 0;
      }
      return done ? Optional.of(output.toString(StandardCharsets.UTF_8)) : Optional.empty();
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  /** Something that reads the file. */
  private interface Reader {
    PostgresPrograms.Ended read(PostgresPrograms.Input input) throws IOException;
  }

  private String readWhole(PostgresPrograms programs, Reader reader) {
    MessageDigest digest = Sha256.begin();
    Fed fed =
        feed(new Meter("read back", size()), file -> new DigestInputStream(file, digest), reader);
    if (fed.ended.exitCode() != 0) {
      throw fed.ended.errors().contains("unsupported version")
          ? newerFormat(programs, fed.ended)
          : ArchiveHeader.damaged(path, fed.ended.reason());
    }
    progress.line(step, "%s, by pg_restore on %s".formatted(fed.meter.summary(), programs.place()));
    return Sha256.end(digest);
  }

  private Failure newerFormat(PostgresPrograms programs, PostgresPrograms.Ended ended) {
    return Failure.of(
            ExitCode.REFUSED,
            "pg_restore %s on %s is too old for this dump: %s"
                .formatted(
                    programs.version(PostgresPrograms.PG_RESTORE),
                    programs.place(),
                    ended.reason()))
        .where(path.toString())
        .state("the database was not changed")
        .next("restore it on a server of the version that made it, or newer");
  }

  /**
   * Where it is loaded.
   *
   * @param options of pg_restore, which leave something out
   */
  public record Destination(String database, List<String> options) {
    private List<String> command(PostgresPrograms programs) {
      List<String> command =
          new ArrayList<>(
              List.of(
                  PostgresPrograms.PG_RESTORE,
                  "--no-password",
                  "--exit-on-error",
                  "--no-owner",
                  "--no-tablespaces"));
      command.addAll(options);
      // A pg_restore that knows transaction_timeout is used only for servers that know it, too.
      int major = PostgresPrograms.major(programs.version(PostgresPrograms.PG_RESTORE));
      command.add(PostgresPrograms.database(database, major, ""));
      return command;
    }
  }

  /**
   * Loads it.
   *
   * @param destination as given to {@link #readAndKeep}, if that was called
   * @return how pg_restore ended
   */
  public PostgresPrograms.Ended load(PostgresPrograms programs, Destination destination) {
    progress.line(
        step,
        "loading into %s, by pg_restore on %s%s"
            .formatted(
                destination.database,
                programs.place(),
                kept.isPresent() ? ", which kept the dump" : ""));
    return kept.flatMap(this::loadKept).orElseGet(() -> loadSent(programs, destination));
  }

  private Optional<PostgresPrograms.Ended> loadKept(PostgresPrograms.KeptDump dump) {
    long size = size();
    Meter meter = loading(size);
    Optional<PostgresPrograms.Ended> ended;
    try (var _ = Ongoing.begin(progress, step, meter::text)) {
      ended = dump.load(meter::at);
    }
    ended.filter(how -> how.exitCode() == 0).ifPresent(_ -> meter.at(size));
    ended.ifPresent(_ -> progress.line(step, meter.summary()));
    return ended;
  }

  /** What comes last in a dump needs none of its bytes. */
  private static Meter loading(long size) {
    return new Meter("loaded", size).lastly("building indexes and constraints");
  }

  private PostgresPrograms.Ended loadSent(PostgresPrograms programs, Destination destination) {
    Fed fed =
        feed(
            loading(size()),
            file -> file,
            input ->
                programs.run(
                    destination.command(programs), input, OutputStream.nullOutputStream()));
    progress.line(step, fed.meter.summary());
    return fed.ended;
  }

  @Override
  public void close() {
    kept.ifPresent(PostgresPrograms.KeptDump::close);
  }

  private record Fed(PostgresPrograms.Ended ended, Meter meter) {}

  private Fed feed(Meter meter, UnaryOperator<InputStream> watched, Reader reader) {
    try (InputStream file = watched.apply(Files.newInputStream(path));
        var _ = Ongoing.begin(progress, step, meter::text)) {
      long size = size();
      InputStream metered = new Counted(file, size, meter);
      PostgresPrograms.Ended ended = reader.read(new PostgresPrograms.Input(metered, size));
      // pg_restore does not need the end of the archive and may leave it unread.
      byte[] rest = new byte[BUFFER];
      while (metered.read(rest, 0, rest.length) >= 0) {
        // Only counted.
      }
      return new Fed(ended, meter);
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private long size() {
    try {
      return Files.size(path);
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private Failure unreadable(IOException e) {
    return Failure.of(ExitCode.FAILED, "the dump cannot be read: " + Reason.of(e))
        .where(path.toString())
        .state("the database was not changed")
        .next("take another copy of the file")
        .causedBy(e);
  }

  /** Programs close what they have read to its end; counting the file continues. */
  private static final class Counted extends MeteredInput {
    Counted(InputStream in, long size, Meter meter) {
      super(in, size, meter, "it became shorter while it was read, by %d bytes");
    }

    @Override
    public void close() {}
  }
}
