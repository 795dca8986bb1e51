package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two checkouts fill one cache. */
class KubernetesSchemasTest {
  @TempDir private Path cache;

  private Path made(String by) throws IOException {
    Path folder = Files.createTempDirectory(cache, "made");
    Files.writeString(folder.resolve("pod-v1.json"), by);
    return folder;
  }

  @Test
  void ofTwoThatHaveMadeTheSameSchemasTheSecondTakesTheFirstsAndLeavesNothing() throws IOException {
    Path first = made("first");
    Path second = made("second");
    Path place = cache.resolve("1.36.3");
    KubernetesSchemas.publish(first, place);
    KubernetesSchemas.publish(second, place);
    assertThat(cache.toFile().list()).containsExactly("1.36.3");
    assertThat(place.resolve("pod-v1.json")).hasContent("first");
  }
}
