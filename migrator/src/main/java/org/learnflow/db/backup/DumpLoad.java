package org.learnflow.db.backup;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.postgres.DatabaseLikeness;
import org.learnflow.db.programs.PostgresPrograms;

/**
 * A dump, the programs that load it into the staging database, and the part of it that is loaded.
 */
final class DumpLoad implements AutoCloseable {
  private final DumpFile dump;
  private final PostgresPrograms programs;
  private final String staging;
  private final List<String> options = new ArrayList<>();
  private final Optional<DatabaseLikeness> likeness;
  private List<String> defaultPrivileges = List.of();
  private Optional<PostgresPrograms.PlacedFile> placed = Optional.empty();
  private List<String> leftOut = List.of();
  private LargeObjectOwners largeObjects = new LargeObjectOwners(Map.of());

  /**
   * Asks pg_restore what the dump contains.
   *
   * @param staging name of the staging database
   * @param noAcl whether the dump's privileges are left out
   */
  DumpLoad(DumpFile dump, PostgresPrograms programs, String staging, boolean noAcl) {
    this.dump = dump;
    this.programs = programs;
    this.staging = staging;
    // Of what is requested, only the database itself exists.
    this.likeness =
        dump.print(programs, "--create", "--schema-only", "--table=: none of them", "--file=-")
            .flatMap(DatabaseLikeness::inDump);
    if (noAcl) {
      options.add("--no-privileges");
    }
  }

  /**
   * Leaves out what only an admin can create, and what only the owner can.
   *
   * @param extensionsOfAdmins names of extensions
   * @param byLoader whether the loading role loads it, not the owner
   */
  DumpLoad select(Set<String> extensionsOfAdmins, boolean byLoader) {
    Optional<String> list = dump.print(programs, "--list");
    if (list.isEmpty()) {
      return this;
    }
    String definitions = dump.print(programs, "--section=post-data", "--file=-").orElse("");
    LoadList loaded = LoadList.of(list.get(), definitions, extensionsOfAdmins, !byLoader);
    leftOut = loaded.leftOut();
    if (byLoader && !options.contains("--no-privileges")) {
      defaultPrivileges = HandOver.defaultPrivileges(definitions);
    }
    largeObjects = largeObjectOwners(list.get());
    PostgresPrograms.PlacedFile file = place(loaded.text());
    placed = Optional.of(file);
    options.add("--use-list=" + file.path());
    return this;
  }

  private LargeObjectOwners largeObjectOwners(String list) {
    String entries = LargeObjectOwners.entries(list);
    if (entries.isBlank()) {
      return new LargeObjectOwners(Map.of());
    }
    try (PostgresPrograms.PlacedFile file = place(entries)) {
      return LargeObjectOwners.in(
          dump.print(programs, "--use-list=" + file.path(), "--file=-").orElse(""));
    }
  }

  private PostgresPrograms.PlacedFile place(String list) {
    try {
      return programs.place(
          staging.replaceAll("\\W", "_") + ".list", list.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw BackupFailures.refused(
              ExitCode.FAILED, "the list of what to load cannot be written: " + Reason.of(e))
          .where(programs.place())
          .next("free some space there, and run the same command again");
    }
  }

  /** Reads the dump completely: damage is found before anything is created on the server. */
  void check(SourceDump source) {
    OptionalLong wanted = source.wantedBytes();
    // If the server's disk certainly has space for the dump as well, it is sent only once.
    boolean roomForBoth =
        wanted.isPresent()
            && programs.freeBytes().orElse(0)
                > wanted.getAsLong() + source.file().toFile().length();
    source.requireSha256(
        roomForBoth ? dump.readAndKeep(programs, destination()) : dump.readWhole(programs));
  }

  private DumpFile.Destination destination() {
    return new DumpFile.Destination(staging, List.copyOf(options));
  }

  /**
   * Loads it.
   *
   * @throws Failure 1 if pg_restore fails, 10 if the watch ended it
   */
  void load(VolumeWatch watch) {
    PostgresPrograms.Ended ended = dump.load(programs, destination());
    watch.check();
    if (ended.exitCode() != 0) {
      throw leftOut.isEmpty()
          ? notLoaded(ended)
          : notLoaded(ended)
              .next(
                  "if it needs what was left out (see the warnings), load the dump as an admin: docs/how-to/restore.md; otherwise fix what it reports and run the same command again");
    }
  }

  private static Failure notLoaded(PostgresPrograms.Ended ended) {
    Failure failure =
        Failure.of(ExitCode.FAILED, "the dump could not be loaded: " + ended.reason())
            .state(StagingLoad.DROPPED);
    // With a full disk, PostgreSQL cannot always report why it could not write.
    if (ended
        .errors()
        .matches("(?s).*(No space left on device|could not (write|extend)[^\\n]* file).*")) {
      return failure.next("free some space on the server's disk and run the same command again");
    }
    return ended.errors().matches("(?s).*role \".*\" does not exist.*")
        ? failure.next("create that role: CREATE ROLE ...; or leave out such privileges: --no-acl")
        : failure.next(ended.remedy() + " and run the same command again");
  }

  /** Encoding and sort order of the dumped database, if the dump says so. */
  Optional<DatabaseLikeness> likeness() {
    return likeness;
  }

  /** Default privileges in the dump, which only the owner can set; a statement each. */
  List<String> defaultPrivileges() {
    return defaultPrivileges;
  }

  /** What is left out of the dump, a sentence each. */
  List<String> leftOut() {
    return leftOut;
  }

  /** Owners of the large objects in the dump. */
  LargeObjectOwners largeObjects() {
    return largeObjects;
  }

  /** Free bytes on the disk of the server's data, if the programs can find out. */
  OptionalLong freeBytes() {
    return programs.freeBytes();
  }

  /** Where the programs run, for people. */
  String place() {
    return programs.place();
  }

  @Override
  public void close() {
    placed.ifPresent(PostgresPrograms.PlacedFile::close);
  }
}
