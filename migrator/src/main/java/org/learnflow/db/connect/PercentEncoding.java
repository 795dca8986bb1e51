package org.learnflow.db.connect;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Percent-encoding for connection URIs. All characters except RFC 3986's unreserved ones are
 * encoded, so that libpq, pgjdbc and every other parser read the same value everywhere ({@code +}
 * is not a space in a URI's user part, but is one in pgjdbc's query part).
 */
public final class PercentEncoding {
  private PercentEncoding() {}

  /** {@code text} with all but letters, digits, {@code -._~} as {@code %XX} of its UTF-8 bytes. */
  public static String encode(String text) {
    StringBuilder encoded = new StringBuilder(text.length() + 16);
    for (byte octet : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (octet & 0xff);
      if ((c >= 'a' && c <= 'z')
          || (c >= 'A' && c <= 'Z')
          || (c >= '0' && c <= '9')
          || "-._~".indexOf(c) >= 0) {
        encoded.append(c);
      } else {
        encoded.append('%').append(HexFormat.of().withUpperCase().toHexDigits(octet));
      }
    }
    return encoded.toString();
  }

  /**
   * The text that {@code encoded} stands for; {@code +} stays a plus, as in libpq.
   *
   * @throws IllegalArgumentException if a {@code %} is not followed by two hexadecimal digits, or
   *     the bytes are not UTF-8 or contain a zero, which no server, file or variable accepts; the
   *     message does not repeat the text, which may be a password
   */
  public static String decode(String encoded) {
    byte[] bytes = encoded.getBytes(StandardCharsets.UTF_8);
    ByteBuffer decoded = ByteBuffer.allocate(bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] != '%') {
        decoded.put(bytes[i]);
      } else if (i + 2 < bytes.length
          && HexFormat.isHexDigit(bytes[i + 1])
          && HexFormat.isHexDigit(bytes[i + 2])) {
        decoded.put(
            (byte)
                (HexFormat.fromHexDigit(bytes[i + 1]) * 16 + HexFormat.fromHexDigit(bytes[i + 2])));
        i += 2;
      } else {
        throw new IllegalArgumentException("a % is not followed by two hexadecimal digits");
      }
    }
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(decoded.flip()).toString();
      if (text.indexOf(0) >= 0) {
        throw new IllegalArgumentException("it contains a %00");
      }
      return text;
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("the percent-encoded bytes are not UTF-8", e);
    }
  }
}
