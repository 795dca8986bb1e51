package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;

/** The values of a Secret, which the API writes in Base64. */
final class SecretData {
  private SecretData() {}

  /** A value as it stands in {@code data}. */
  static String encode(String value) {
    return Base64.getEncoder().encodeToString(value.getBytes(StandardCharsets.UTF_8));
  }

  /** All values of a Secret, decoded, by key. */
  static Map<String, String> decode(JsonNode secret) {
    Map<String, String> values = new TreeMap<>();
    secret
        .path("data")
        .properties()
        .forEach(entry ->
            values.put(
                entry.getKey(),
                new String(
                    Base64.getDecoder().decode(entry.getValue().asText()),
                    StandardCharsets.UTF_8)));
    return values;
  }
}
