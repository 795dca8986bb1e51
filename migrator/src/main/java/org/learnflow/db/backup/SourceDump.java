package org.learnflow.db.backup;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.programs.PostgresPrograms;
import org.learnflow.db.schema.MigrationFiles;

/**
 * A dump that is to be restored.
 *
 * @param header its header
 * @param description the description beside it, if any
 */
public record SourceDump(Path file, ArchiveHeader header, Optional<BackupDescription> description) {
  /** Indexes are built beside the rows, and write-ahead log adds to that. */
  private static final double ROOM_FACTOR = 1.3;

  /**
   * Reads the header of a dump, and the description beside it.
   *
   * @throws Failure 2 if the file is not such a dump, 10 if it is damaged or its schema is newer
   *     than the migrations
   */
  public static SourceDump read(Path file, MigrationFiles migrations) {
    ArchiveHeader header = ArchiveHeader.read(file);
    Optional<BackupDescription> description = BackupDescription.beside(file);
    description.ifPresent(known -> requireKnownSchema(known, migrations));
    return new SourceDump(file, header, description);
  }

  private static void requireKnownSchema(BackupDescription description, MigrationFiles migrations) {
    boolean newer =
        description.schemaVersion().matches("\\d+([._]\\d+)*")
            && migrations
                .newest()
                .map(newest ->
                    MigrationVersion.fromVersion(description.schemaVersion()).compareTo(newest) > 0)
                .orElse(true);
    if (newer) {
      throw newerSchema(description.schemaVersion(), migrations)
          .next(
              "use the version that created the dump: %s, or newer"
                  .formatted(description.program()));
    }
  }

  /** A schema that is newer than the migrations. */
  static Failure newerSchema(String version, MigrationFiles migrations) {
    return BackupFailures.refused(
            ExitCode.REFUSED,
            "the dump's schema %s is newer than these migrations, which end at %s"
                .formatted(version, migrations.newest().map(Object::toString).orElse("none")))
        .where(migrations.directory().toString())
        .next("use the version of learnflow-db that created the dump, or a newer one");
  }

  /**
   * Refuses a server that is older than the dump.
   *
   * @param major version of the server
   */
  void requireServer(int major) {
    int ours = PostgresPrograms.major(header.server());
    if (ours > major) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "the dump comes from PostgreSQL %s, but this server is older: version %d"
                  .formatted(header.server(), major))
          .next("restore it on a server of version %d or newer".formatted(ours));
    }
  }

  /** Refuses a file whose content differs from the description. */
  void requireSha256(String sha256) {
    if (description.filter(known -> !known.sha256().equals(sha256)).isPresent()) {
      throw BackupFailures.refused(
              ExitCode.REFUSED,
              "the dump is not the one that was created: its SHA-256 differs from the one in %s"
                  .formatted(BackupDescription.path(file)))
          .where(file.toString())
          .next("take another copy of both files, or another dump: docs/how-to/restore.md");
    }
  }

  /** Approximate bytes of the database that is created from it; empty if unknown. */
  OptionalLong wantedBytes() {
    return description.isPresent()
        ? OptionalLong.of((long) (description.get().databaseBytes() * ROOM_FACTOR))
        : OptionalLong.empty();
  }

  /** Settings of the database, if known. */
  List<DatabaseSetting> settings() {
    return description.map(BackupDescription::settings).orElse(List.of());
  }

  /** The roles that it grants privileges to, if known. */
  List<String> roles() {
    return description.map(BackupDescription::roles).orElse(List.of());
  }
}
