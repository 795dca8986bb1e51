package org.learnflow.db.postgres;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/** Names of databases and roles. PostgreSQL counts bytes of UTF-8, and truncates longer names. */
public final class Identifier {
  /** Bytes; NAMEDATALEN - 1 in PostgreSQL's pg_config_manual.h. */
  public static final int LONGEST = 63;

  /** Stands for what could not be read, such as in a locale without UTF-8. */
  private static final int REPLACEMENT_CHARACTER = 0xfffd;

  private static final int HASH_DIGITS = 12;

  private Identifier() {}

  /** How many bytes PostgreSQL counts. */
  public static int bytes(String name) {
    return name.getBytes(StandardCharsets.UTF_8).length;
  }

  /** Why a name cannot be used, such as "it is empty"; empty if it can. */
  public static Optional<String> problem(String name) {
    if (name.isEmpty()) {
      return Optional.of("it is empty");
    }
    if (bytes(name) > LONGEST) {
      return Optional.of(
          "it has %d bytes, but PostgreSQL allows at most %d".formatted(bytes(name), LONGEST));
    }
    return name.codePoints()
        .filter(point ->
            Character.isISOControl(point)
                || Character.getType(point) == Character.SURROGATE
                || Character.getType(point) == Character.LINE_SEPARATOR
                || Character.getType(point) == Character.PARAGRAPH_SEPARATOR
                || point == REPLACEMENT_CHARACTER)
        .mapToObj(point ->
            point == REPLACEMENT_CHARACTER
                ? "a character was lost because of the locale: set LC_ALL=C.UTF-8"
                : "it contains the control character U+%04X".formatted(point))
        .findFirst();
  }

  /**
   * The name of something that belongs to a database. If both together would be too long, the
   * database's name is cut between characters, and a hash of the whole name distinguishes it from
   * others with the same beginning.
   *
   * @param suffix says what it is, in ASCII
   */
  public static String derived(String database, String suffix) {
    if (bytes(database + suffix) <= LONGEST) {
      return database + suffix;
    }
    String end = "_" + hash(database) + suffix;
    String cut = database;
    while (bytes(cut + end) > LONGEST) {
      cut = cut.substring(0, cut.offsetByCodePoints(cut.length(), -1));
    }
    return cut + end;
  }

  /** Stands for a whole name, in 12 characters. */
  public static String hash(String name) {
    try {
      byte[] sha256 =
          MessageDigest.getInstance("SHA-256").digest(name.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(sha256).substring(0, HASH_DIGITS);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
  }
}
