package org.learnflow.db.backup;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Meter;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.programs.PostgresPrograms;

/**
 * Dumps a database into a file: writes {@code FILE.part}, reads it back completely, then renames
 * it. If it is killed at any point, it leaves at most a {@code .part}, which the next backup
 * replaces.
 */
public final class DumpWriter {
  private static final String STEP = "backup";

  private final Path file;
  private final Path part;
  private final Progress progress;

  /** A dump at {@code file}. */
  public DumpWriter(Path file, Progress progress) {
    this.file = file.toAbsolutePath();
    this.part = this.file.resolveSibling(this.file.getFileName() + ".part");
    this.progress = progress;
  }

  /**
   * Refuses a file that cannot be created, before any work is done.
   *
   * @throws Failure 2 if its folder does not exist, 10 if the file already exists
   */
  public void check(boolean replace) {
    Path folder = file.getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw BackupFailures.refused(ExitCode.USAGE, "folder " + folder + " does not exist")
          .next("create it: mkdir -p %s".formatted(folder));
    }
    if (Files.isDirectory(file)) {
      throw BackupFailures.refused(ExitCode.USAGE, file + " is a folder")
          .next("name a file in it, such as %s".formatted(file.resolve("learnflow.dump")));
    }
    if (!Files.isWritable(folder)) {
      throw BackupFailures.refused(ExitCode.USAGE, "folder " + folder + " is not writable")
          .next("ls -ld %s".formatted(folder));
    }
    if (Files.exists(file) && !replace) {
      throw BackupFailures.refused(ExitCode.REFUSED, file + " already exists")
          .next("choose another name; or replace it once the new dump is complete: --replace");
    }
  }

  /**
   * Creates the dump.
   *
   * @param dumping where pg_dump runs
   * @param reading where it is read back
   * @param facts about the database
   * @param program version of learnflow-db
   * @param options of pg_dump
   * @param afterwards throws a {@link Failure} if what was written is not valid
   * @throws Failure 1 if it is incomplete in the end, 10 if another backup is writing the file
   */
  public BackupDescription make(
      PostgresPrograms dumping,
      PostgresPrograms reading,
      DatabaseFacts facts,
      String schemaVersion,
      String program,
      List<String> options,
      Runnable afterwards) {
    String pgDump = dumping.version(PostgresPrograms.PG_DUMP);
    String started = now();
    progress.line(STEP, "pg_dump %s on %s".formatted(pgDump, dumping.place()));
    try (Part ours = Part.make(part).orElseThrow(this::taken)) {
      MessageDigest digest = Sha256.begin();
      Meter written = dump(ours.channel(), dumping, facts, options, digest);
      try {
        afterwards.run();
      } catch (Failure e) {
        throw e.state(state());
      }
      String sha256 = Sha256.end(digest);
      if (!new DumpFile(part, progress, STEP).readWhole(reading).equals(sha256)) {
        throw failed("what was read back differs from what was written: the disk is not reliable")
            .next("write it to another disk");
      }
      BackupDescription description =
          new BackupDescription(
              BackupDescription.FORMAT,
              program,
              facts.server(),
              pgDump,
              facts.database(),
              schemaVersion,
              started,
              now(),
              written.bytes(),
              sha256,
              facts.bytes(),
              facts.settings(),
              facts.roles());
      if (!ours.isStillThere()) {
        throw taken();
      }
      putInPlace(description);
      return description;
    } catch (IOException e) {
      throw cannotWrite(e);
    }
  }

  private Failure taken() {
    return BackupFailures.refused(ExitCode.REFUSED, "another backup is writing " + part)
        .next("wait until it ends, or choose another name");
  }

  private Meter dump(
      FileChannel channel,
      PostgresPrograms dumping,
      DatabaseFacts facts,
      List<String> options,
      MessageDigest digest)
      throws IOException {
    Meter meter = new Meter("written", 0).aside("of a database of " + Meter.size(facts.bytes()));
    Sink sink = new Sink(channel, meter);
    List<String> command =
        new ArrayList<>(List.of(PostgresPrograms.PG_DUMP, "--format=custom", "--no-password"));
    command.addAll(options);
    command.add(
        PostgresPrograms.database(
            facts.database(),
            PostgresPrograms.major(facts.server()),
            " -c client_encoding=" + facts.encoding()));
    PostgresPrograms.Ended ended;
    try (var _ = Ongoing.begin(progress, STEP, meter::text)) {
      ended =
          dumping.run(command, PostgresPrograms.Input.none(), new DigestOutputStream(sink, digest));
    } catch (Failure e) {
      throw sink.failure == null ? e.state(state()) : cannotWrite(sink.failure);
    }
    if (sink.failure != null) {
      throw sink.failure;
    }
    if (ended.exitCode() != 0) {
      throw failed("pg_dump failed on %s: %s".formatted(dumping.place(), ended.reason()))
          .next(ended.remedy() + " and run the same command again");
    }
    channel.force(true);
    progress.line(STEP, meter.summary());
    return meter;
  }

  private Failure failed(String what) {
    return Failure.of(ExitCode.FAILED, what).state(state());
  }

  private String state() {
    return "%s was not changed; %s is unusable, and the next backup replaces it"
        .formatted(Files.exists(file) ? file : "the database", part);
  }

  private Failure cannotWrite(IOException e) {
    String reason = Reason.of(e);
    Failure failure = failed("the dump cannot be written: " + reason).where(part.toString());
    return (reason.contains("No space left") || reason.contains("Disk quota")
            ? failure.next(
                "free some space there (df -h %s), or choose a file elsewhere"
                    .formatted(file.getParent()))
            : failure.next("choose a file elsewhere"))
        .causedBy(e);
  }

  /**
   * The old description goes first: at no moment does one stand beside another's dump, and a dump
   * without a description can be restored too.
   */
  private void putInPlace(BackupDescription description) throws IOException {
    Path json = BackupDescription.path(file);
    Path jsonPart = json.resolveSibling(json.getFileName() + ".part");
    Files.deleteIfExists(jsonPart);
    try (FileChannel channel = Part.create(jsonPart)) {
      channel.write(ByteBuffer.wrap(description.text().getBytes(StandardCharsets.UTF_8)));
      channel.force(true);
    }
    Files.deleteIfExists(json);
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Files.move(jsonPart, json, StandardCopyOption.ATOMIC_MOVE);
    Path folder = file.getParent();
    if (folder != null) {
      syncFolder(folder);
    }
  }

  private static void syncFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Some systems do not support this.
    }
  }

  private static String now() {
    return Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
  }

  /** The file, which remembers what went wrong with it. */
  private static final class Sink extends OutputStream {
    private final FileChannel channel;
    private final Meter meter;
    private @Nullable IOException failure;

    Sink(FileChannel channel, Meter meter) {
      this.channel = channel;
      this.meter = meter;
    }

    @Override
    public void write(int value) throws IOException {
      write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      try {
        ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, length);
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
      } catch (IOException e) {
        failure = e;
        throw e;
      }
      meter.passed(length);
    }
  }
}
