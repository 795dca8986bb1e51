package org.learnflow.db;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** Texts that are part of the program, such as SQL and scripts. */
public final class Resource {
  private Resource() {}

  /**
   * A text in UTF-8.
   *
   * @param owner a class of the package whose folder holds it
   * @param name of the file
   */
  public static String text(Class<?> owner, String name) {
    try (InputStream text = Objects.requireNonNull(owner.getResourceAsStream(name), name)) {
      return new String(text.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
