package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;

/** Who starts PostgreSQL in its container. */
public enum ServerStart {
  /** The script of the chart, from any image. */
  SCRIPT("the chart's script", "leave out values-bitnami-image.yaml"),

  /** The image itself, as Bitnami's does. */
  IMAGE(
      "the image itself",
      "add --values values-bitnami-image.yaml, before your own values, to the same command");

  private final String who;
  private final String stay;

  ServerStart(String who, String stay) {
    this.who = who;
    this.stay = stay;
  }

  /** Of a StatefulSet of the chart. */
  static ServerStart of(JsonNode statefulSet) {
    return statefulSet
            .at("/spec/template/spec/containers/0/command")
            .valueStream()
            .anyMatch(word -> word.asText().contains("/start/start.sh"))
        ? SCRIPT
        : IMAGE;
  }

  /** The words for it. */
  String who() {
    return who;
  }

  /** What to do with the values so that it remains the one. */
  String stay() {
    return stay;
  }

  /** As the chart's values write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
