package org.learnflow.db.offsite;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * An object in a bucket, such as {@code s3://backups/postgres/learnflow.dump}, or a folder there.
 *
 * @param bucket name of the bucket
 * @param key the rest; of a folder it is empty or ends with {@code /}
 */
public record ObjectUri(String bucket, String key) {
  private static final String SCHEME = "s3://";

  /** Longest key in UTF-8, as every store takes it. */
  private static final int LONGEST = 1024 - ".json".length();

  private static final Pattern BUCKET = Pattern.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");

  /** Whether {@code text} names something in a bucket, and not a file. */
  public static boolean names(String text) {
    return text.startsWith(SCHEME);
  }

  /**
   * The object that {@code text} names.
   *
   * @throws Failure 2 if it names none
   */
  public static ObjectUri object(String text) {
    ObjectUri uri = of(text);
    if (uri.name().replace(".", "").isEmpty()) {
      throw unusable(text, "it names no object in the bucket");
    }
    return uri;
  }

  /**
   * The folder that {@code text} names, with or without a slash at its end.
   *
   * @throws Failure 2 if it names none
   */
  public static ObjectUri folder(String text) {
    ObjectUri uri = of(text);
    return uri.key.isEmpty() || uri.key.endsWith("/")
        ? uri
        : new ObjectUri(uri.bucket, uri.key + "/");
  }

  private static ObjectUri of(String text) {
    String rest = names(text) ? text.substring(SCHEME.length()) : "";
    int slash = rest.indexOf('/');
    String bucket = slash < 0 ? rest : rest.substring(0, slash);
    String key = slash < 0 ? "" : rest.substring(slash + 1);
    if (!BUCKET.matcher(bucket).matches()) {
      throw unusable(
          text, "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens");
    }
    if (key.startsWith("/") || key.contains("//")) {
      throw unusable(text, "it has an empty folder in it");
    }
    if (key.codePoints().anyMatch(Character::isISOControl)
        || key.getBytes(StandardCharsets.UTF_8).length > LONGEST) {
      throw unusable(text, "its key is too long or has control characters");
    }
    return new ObjectUri(bucket, key);
  }

  private static Failure unusable(String text, String why) {
    return Failure.of(ExitCode.USAGE, "%s cannot be used: %s".formatted(text, why))
        .state("nothing was changed")
        .next("write it as s3://BUCKET/FOLDER/NAME.dump");
  }

  /** An object of this folder. */
  ObjectUri resolve(String name) {
    return new ObjectUri(bucket, key + name);
  }

  /** The object beside it whose name has {@code end} appended. */
  ObjectUri with(String end) {
    return new ObjectUri(bucket, key + end);
  }

  /** The last part of the key. */
  public String name() {
    return key.substring(key.lastIndexOf('/') + 1);
  }

  @Override
  public String toString() {
    return SCHEME + bucket + "/" + key;
  }
}
