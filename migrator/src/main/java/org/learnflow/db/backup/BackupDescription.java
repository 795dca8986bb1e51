package org.learnflow.db.backup;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.WholeFile;

/**
 * Describes a dump, in a file beside it.
 *
 * @param format version of this document
 * @param program version of learnflow-db
 * @param server version of the dumped server
 * @param pgDump version of pg_dump
 * @param schemaVersion newest applied migration
 * @param started in UTC
 * @param finished in UTC
 * @param bytes of the dump
 * @param sha256 of the dump
 * @param databaseBytes size of the database
 * @param settings of the database
 * @param roles that have privileges in the database
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record BackupDescription(
    int format,
    String program,
    String server,
    String pgDump,
    String database,
    String schemaVersion,
    String started,
    String finished,
    long bytes,
    String sha256,
    long databaseBytes,
    List<DatabaseSetting> settings,
    List<String> roles) {
  /** What is appended to the name of a dump. */
  public static final String SUFFIX = ".json";

  /** The version that this program writes. */
  static final int FORMAT = 1;

  /** Reads only complete documents: a field that is missing or null is an error that names it. */
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(
              DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES,
              DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES,
              DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .defaultSetterInfo(JsonSetter.Value.construct(Nulls.FAIL, Nulls.FAIL))
          .build();

  /** The path of a dump's description. */
  public static Path path(Path dump) {
    return dump.resolveSibling(dump.getFileName() + SUFFIX);
  }

  /**
   * The description beside a dump, if there is one.
   *
   * @throws Failure 10 if it cannot be parsed
   */
  public static Optional<BackupDescription> beside(Path dump) {
    Path file = path(dump);
    try {
      JsonNode document = JSON.readTree(WholeFile.DUMP_DESCRIPTION.text(file));
      if (document.path("format").asInt() != FORMAT) {
        throw unusable(file, "its format is unknown to this program");
      }
      BackupDescription read = JSON.treeToValue(document, BackupDescription.class);
      if (!read.sha256.matches("[0-9a-f]{64}") || read.bytes < 0 || read.databaseBytes < 0) {
        throw unusable(file, "its sizes or its SHA-256 are not valid");
      }
      return Optional.of(read);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (JsonProcessingException e) {
      throw unusable(
              file, e.getOriginalMessage().lines().findFirst().orElse("it is not valid JSON"))
          .causedBy(e);
    } catch (IOException e) {
      throw unusable(file, "it cannot be read").causedBy(e);
    }
  }

  private static Failure unusable(Path file, String why) {
    return Failure.of(ExitCode.REFUSED, "the description of the dump is damaged: " + why)
        .where(file.toString())
        .state("the database was not changed")
        .next("copy it again; or move it away to use the dump without a description");
  }

  /** The document. */
  String text() {
    try {
      return JSON.writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a record can be written", e);
    }
  }
}
