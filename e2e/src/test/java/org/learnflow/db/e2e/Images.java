package org.learnflow.db.e2e;

import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** The images that the tests run; all are on the node already. */
final class Images {
  static final String PYTHON = "learnflow.test/python:3";

  /** The migrator's, as make image has named it. */
  static final String MIGRATOR = nameIn("migrator/target/image.tar");

  private Images() {}

  /** What is set beside the values that everybody uses. */
  static List<String> values() {
    return List.of(
        "--set",
        "migrator.image.tag=" + MIGRATOR.substring(MIGRATOR.lastIndexOf(':') + 1),
        "--set",
        "postgresql.image.registry=learnflow.test,postgresql.image.repository=postgresql",
        "--set-string",
        "postgresql.image.tag=17",
        // Bitnami's chart asks for it where the image is not Bitnami's.
        "--set",
        "global.security.allowInsecureImages=true");
  }

  private static String nameIn(String archive) {
    String manifest =
        Command.run(
                Duration.ofSeconds(30), Map.of(), List.of("tar", "-xOf", archive, "manifest.json"))
            .successful()
            .output();
    return Serialization.unmarshal(manifest, Manifest[].class)[0].RepoTags().getFirst();
  }

  private record Manifest(String Config, List<String> RepoTags, List<String> Layers) {}
}
