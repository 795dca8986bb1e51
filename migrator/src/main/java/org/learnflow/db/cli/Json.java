package org.learnflow.db.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;

/** The JSON documents of {@code --output json}; their shapes are in docs/reference/json.md. */
final class Json {
  private Json() {}

  /** One line of JSON for records, maps and lists. */
  static String write(Object document) {
    try {
      return Printable.json(JsonMapper.builder().build().writeValueAsString(document));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("records and maps can be written", e);
    }
  }
}
