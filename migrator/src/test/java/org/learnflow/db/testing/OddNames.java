package org.learnflow.db.testing;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Names as PostgreSQL takes them, 1 to 63 bytes, of whatever breaks quoting: each piece is in one
 * of them at least, once as many were taken as {@link #namesForAllPieces()} says. A seed repeats
 * them.
 */
public final class OddNames {
  private static final int LONGEST = 63;

  private static final List<String> PIECES =
      List.of(
          "\"",
          "\"\"",
          "'",
          "''",
          ".",
          " ",
          "  ",
          "A",
          "Straße",
          "ü",
          "😀",
          "e\u0301",
          "\\",
          "\\\\",
          "%",
          "%s",
          "%20",
          "%00",
          "-",
          "--",
          "--help",
          "=",
          "host=x",
          "dbname=postgres",
          "postgresql://x",
          "$user",
          "$1",
          "$$",
          "${user.home}",
          "${sys:user.home}",
          ":",
          "@",
          "@OWNER@",
          "@SERVICE@",
          "@DATABASE@",
          "@OID@",
          "@PATH@",
          "/",
          "../",
          "?",
          "#",
          ";",
          "; DROP TABLE x; --",
          "/*",
          "{",
          "}",
          "{}",
          ",",
          "(",
          ")",
          "*",
          "`id`",
          "|",
          "&",
          "<",
          ">",
          "~",
          "!",
          "[",
          "]",
          "^",
          "+",
          "select",
          "user",
          "table",
          "public",
          "null",
          "current_user",
          "NONE",
          "PUBLIC",
          "postgres",
          "\u00a0",
          "\u202e",
          "_before_restore_",
          "_restore",
          "learnflow_db");

  private final Random random;
  private final List<String> dealt = new ArrayList<>();
  private final Set<String> given = new HashSet<>();

  /** Those of a seed. */
  public OddNames(long seed) {
    this.random = new Random(seed);
  }

  /** A name that was not given before. */
  public String next() {
    String name;
    do {
      int length =
          switch (random.nextInt(4)) {
            case 0 -> 1 + random.nextInt(4);
            case 1 -> LONGEST;
            default -> 1 + random.nextInt(LONGEST);
          };
      StringBuilder text = new StringBuilder();
      String piece = piece();
      while (bytes(text + piece) <= Math.max(length, bytes(piece))) {
        text.append(piece);
        piece = piece();
      }
      dealt.add(piece);
      // Filled up to the byte.
      while (bytes(text.toString()) < length) {
        text.append('x');
      }
      name = text.toString();
    } while (isReserved(name) || !given.add(name));
    return name;
  }

  /** How many names have all pieces, in the mean. */
  public static int namesForAllPieces() {
    return PIECES.size() / 2;
  }

  private String piece() {
    if (dealt.isEmpty()) {
      dealt.addAll(PIECES);
      Collections.shuffle(dealt, random);
    }
    return dealt.removeLast();
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  /** What PostgreSQL itself keeps, and the database that every server has. */
  private static boolean isReserved(String name) {
    return name.startsWith("pg_")
        || List.of("public", "none", "postgres", "learnflow_db", "template0", "template1")
            .contains(name);
  }

  /** As SQL writes a name. */
  public static String quoted(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }
}
