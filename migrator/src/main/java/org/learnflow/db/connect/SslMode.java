package org.learnflow.db.connect;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** libpq's sslmode. Source: PostgreSQL documentation, "SSL Mode Descriptions". */
public enum SslMode {
  DISABLE,
  ALLOW,
  PREFER,
  REQUIRE,
  VERIFY_CA,
  VERIFY_FULL;

  /** What libpq and pgjdbc do by default. */
  public static final SslMode DEFAULT = PREFER;

  /** As libpq writes it, for example {@code verify-full}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Whether a session without TLS is refused. */
  public boolean requiresTls() {
    return compareTo(REQUIRE) >= 0;
  }

  /** Whether the server has to show a certificate of an authority that is trusted. */
  public boolean verifies() {
    return compareTo(VERIFY_CA) >= 0;
  }

  /** The mode that libpq writes as {@code text}. */
  public static Optional<SslMode> parse(String text) {
    return Arrays.stream(values()).filter(mode -> mode.text().equals(text)).findFirst();
  }
}
