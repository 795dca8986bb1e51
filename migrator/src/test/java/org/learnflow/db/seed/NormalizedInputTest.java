package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.Utf8Input;

/** A text file means the same however it was checked out. */
class NormalizedInputTest {
  private static final int BUFFER = 1 << 16;
  private static final String MARK = "\u00ef\u00bb\u00bf"; // UTF-8 byte order mark, byte by byte

  /** What {@link NormalizedInput} promises, in two lines; a character is a byte. */
  private static String expected(String text) {
    String plain = text.startsWith(MARK) ? text.substring(MARK.length()) : text;
    return plain.replace("\r\n", "\n");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** As seed files are read. */
  private static InputStream input(InputStream file) {
    return new NormalizedInput(new Utf8Input(file));
  }

  private static String all(String text) throws IOException {
    return new String(
        input(new ByteArrayInputStream(bytes(text))).readAllBytes(), StandardCharsets.ISO_8859_1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "a",
        "ab",
        "\n",
        "\r",
        "\r\n",
        "\r\r",
        "\r\r\n",
        "\n\r",
        "\r\n\r\n",
        "a\r\nb\r\n",
        "a\rb",
        "a\r",
        "a\r\n",
        MARK,
        MARK + "\r\n",
        MARK + "a",
        MARK + MARK,
        "\u00ef\u00bb\u00be",
        "\u00ef\u00bb\u00be\r\n",
        "\u00c3\u00af",
        "a" + MARK,
        "\r\n" + MARK
      })
  void shortTexts(String text) throws IOException {
    assertThat(all(text)).isEqualTo(expected(text));
  }

  @Test
  void lineEndsAroundTheEndOfTheBuffer() throws IOException {
    for (String start : new String[] {"", MARK}) {
      for (String end :
          new String[] {"\r\n", "\r", "\r\r\n", "\r\nx", "\rx", "\r\r", "x\r\n\r\n"}) {
        for (int length = BUFFER - 6; length <= BUFFER + 6; length++) {
          String text = start + "x".repeat(length) + end;
          assertThat(all(text).equals(expected(text)))
              .as("%s %d %s", start, length, end.replace('\r', 'R').replace('\n', 'N'))
              .isTrue();
        }
      }
    }
  }

  @RepeatedTest(200)
  void anyTextInAnyPieces(RepetitionInfo repetition) throws IOException {
    Random random = new Random(repetition.getCurrentRepetition());
    StringBuilder text = new StringBuilder(random.nextBoolean() ? MARK : "");
    int length = random.nextInt(random.nextInt(10) == 0 ? 3 * BUFFER : 200);
    for (int i = 0; i < length; i++) {
      text.append(
          random.nextInt(8) == 0
              ? MARK
              : "\r\r\r\n\nab".substring(random.nextInt(7)).substring(0, 1));
    }
    ByteArrayOutputStream read = new ByteArrayOutputStream();
    byte[] target = new byte[1 + random.nextInt(300)];
    try (InputStream input =
        input(new Pieces(bytes(text.toString()), random, 1 + random.nextInt(500)))) {
      while (true) {
        if (random.nextInt(5) == 0) {
          int octet = input.read();
          if (octet < 0) {
            break;
          }
          read.write(octet);
        } else {
          int offset = random.nextInt(target.length);
          int n = input.read(target, offset, target.length - offset);
          if (n < 0) {
            break;
          }
          assertThat(n).isPositive();
          read.write(target, offset, n);
        }
      }
      assertThat(input.read()).as("the end stays the end").isNegative();
    }
    assertThat(read.toString(StandardCharsets.ISO_8859_1)).isEqualTo(expected(text.toString()));
  }

  /** Gives a few bytes at a time, as a network file system may. */
  private static final class Pieces extends FilterInputStream {
    private final Random random;
    private final int most;

    Pieces(byte[] bytes, Random random, int most) {
      super(new ByteArrayInputStream(bytes));
      this.random = random;
      this.most = most;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      return in.read(target, offset, Math.min(length, 1 + random.nextInt(most)));
    }
  }
}
