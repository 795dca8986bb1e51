package release;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import lib.Programs;

/** Software bills of materials, in CycloneDX's JSON. */
public final class Boms {
  private static final Path SYFT = Path.of("tools/release/bin/syft");
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private Boms() {}

  /** Of an image in an archive: its jars, and the packages of its base. */
  public static void ofImage(Path archive, Version version, Path to)
      throws IOException, InterruptedException {
    ProcessBuilder syft =
        new ProcessBuilder(
            SYFT.toString(),
            "scan",
            "docker-archive:" + archive,
            "--quiet",
            "--source-name",
            "learnflow-db",
            "--source-version",
            version.text(),
            "--output",
            "cyclonedx-json=" + to);
    syft.environment().put("SYFT_CHECK_FOR_APP_UPDATE", "false");
    // Packages only: each file of them would be ten times as much.
    syft.environment().put("SYFT_FILE_METADATA_SELECTION", "none");
    Programs.run(syft);
  }

  /**
   * Of the chart: the subchart and the images that it installs.
   *
   * @param subchart the file name of its archive, {@code NAME-VERSION.tgz}
   * @param images what Artifact Hub shows, by name
   */
  public static void ofChart(Version version, String subchart, Map<String, String> images, Path to)
      throws IOException {
    ObjectNode bom = JSON.createObjectNode();
    bom.put("bomFormat", "CycloneDX").put("specVersion", "1.6").put("version", 1);
    ObjectNode chart = bom.putObject("metadata").putObject("component");
    component(
        chart, "application", "learnflow-db", version.text(), "pkg:helm/learnflow-db@" + version);
    ArrayNode components = bom.putArray("components");
    String release = subchart.replaceFirst("\\.tgz$", "").replaceFirst("^postgresql-", "");
    component(
        components.addObject(),
        "application",
        "postgresql",
        release,
        "pkg:helm/postgresql@" + release.replace("+", "%2B"));
    images.forEach((name, image) -> {
      String repository = image.replaceFirst("(@|:[^:/@]+$|:[^:/@]+@).*$", "");
      String digest = image.contains("@") ? image.substring(image.indexOf('@') + 1) : "";
      String tag = image.substring(repository.length()).replaceFirst("@.*$", "");
      String reference = digest.isEmpty() ? tag.replaceFirst("^:", "") : digest;
      component(
          components.addObject(),
          "container",
          name,
          reference,
          "pkg:oci/%s@%s?repository_url=%s"
              .formatted(
                  repository.substring(repository.lastIndexOf('/') + 1),
                  reference.replace(":", "%3A"),
                  repository));
    });
    JSON.writerWithDefaultPrettyPrinter().writeValue(to.toFile(), bom);
  }

  private static void component(
      ObjectNode into, String type, String name, String version, String purl) {
    into.put("bom-ref", purl).put("type", type).put("name", name);
    into.put("version", version).put("purl", purl);
  }
}
