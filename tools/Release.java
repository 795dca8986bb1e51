import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import lib.Cached;
import lib.Failure;
import lib.Programs;
import lib.Tool;
import release.Boms;
import release.ChartPackage;
import release.Cosign;
import release.Registry;
import release.Source;
import release.Version;

/**
 * Makes a release of the parts that {@code make release-part} left in target/release/VERSION: an
 * index of images, the chart, bills of materials, notes, checksums and signatures. All of it is
 * made in a registry on this machine; with PUSH it is copied from there to REGISTRY, by digest, and
 * the tags, by which people find it, come last. Class path: dist/lib/*. Run in the repository's
 * root.
 *
 * <p>Environment: VERSION; PUSH, not empty to push; REGISTRY, such as {@code ghcr.io/learnflow};
 * COSIGN_KEY, the file of a key, else keyless; PLATFORMS, those that must be there, such as {@code
 * "linux-amd64 linux-arm64 macos-arm64"}.
 *
 * <p>A registry on this machine is a rehearsal: only then are the tests' stand-in for the
 * PostgreSQL chart, and images whose registry does not answer, accepted.
 */
final class Release {
  private static final String OWN_REGISTRY = "ghcr.io/learnflow";
  private static final String STAND_IN = "+standin";

  private final Version version;
  private final Registry target;
  private final boolean push;
  private final Path folder;
  private final Source source;

  private Release() throws IOException, InterruptedException {
    version = new Version(environment("VERSION"));
    source = Source.of(version);
    push = !environment("PUSH").isEmpty();
    if (push && environment("REGISTRY").isEmpty()) {
      throw new Failure(
          "PUSH=1 needs a registry: make release VERSION=%s PUSH=1 REGISTRY=%s"
              .formatted(version, OWN_REGISTRY));
    }
    String registry = environment("REGISTRY");
    target = new Registry(registry.isEmpty() ? OWN_REGISTRY : registry);
    folder = Path.of("target/release", version.text());
  }

  static void main() throws Exception {
    Tool.run(() -> new Release().make());
  }

  /** Whether the tag names this digest, and not nothing yet. */
  private boolean isReleased(String repository, String digest)
      throws IOException, InterruptedException {
    Optional<String> released = Registry.digest(repository + ":" + version);
    if (released.isPresent() && !released.get().equals(digest)) {
      throw new Failure(
          """
          %s:%s is released already, as %s
          State: nothing was changed there.
          Next: release another version; a released one is never replaced\
          """
              .formatted(repository, version, released.get()));
    }
    return released.isPresent();
  }

  private void make() throws IOException, InterruptedException, GeneralSecurityException {
    Map<String, Path> archives = archives();
    if (push) {
      reach();
    }
    Path work = folder.resolveSibling(version + ".work");
    Cached.delete(work);
    Files.createDirectories(work);
    try (Registry.Local local = new Registry.Local(work.resolve("registry"))) {
      Map<Path, String> images = push(local.registry(), archives);
      String imageDigest = index(local.registry(), images.values());
      Path chart = chart(work, imageDigest);
      String chartDigest = pushChart(local.registry(), chart);
      writeChecksums();
      Cosign cosign = cosign();
      cosign.signFile(folder.resolve("SHA256SUMS"));
      Files.writeString(
          folder.resolve("digests.txt"),
          """
          image=%s
          image-digest=%s
          chart=%s
          chart-digest=%s
          """
              .formatted(target.image(), imageDigest, target.chart(), chartDigest));
      print(imageDigest, chartDigest);
      if (push) {
        publish(local.registry(), images, imageDigest, chartDigest, cosign);
      } else {
        System.out.println(
            "nothing was pushed; to push it: make release VERSION=%s PUSH=1 REGISTRY=%s"
                .formatted(version, target.address()));
      }
    } finally {
      Cached.delete(work);
    }
  }

  /** The archives of the image by architecture, each of this commit. */
  private Map<String, Path> archives() throws IOException, InterruptedException {
    for (String platform : environment("PLATFORMS").split(" ")) {
      if (!platform.isEmpty() && !Files.exists(folder.resolve(named(platform + ".tar.gz")))) {
        throw new Failure(
            """
            the part for %s is missing in %s
            State: nothing was pushed.
            Next: run make release-part VERSION=%s on such a machine, and copy its files here\
            """
                .formatted(platform, folder, version));
      }
    }
    Map<String, Path> images = new LinkedHashMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        String start = named("image-");
        if (name.startsWith(start) && name.endsWith(".tar")) {
          images.put(name.substring(start.length(), name.length() - ".tar".length()), file);
        }
      }
    }
    return images;
  }

  /** Pushes the images, and returns their digests by bill of materials. */
  private Map<Path, String> push(Registry local, Map<String, Path> archives)
      throws IOException, InterruptedException {
    Map<Path, String> digests = new LinkedHashMap<>();
    for (Map.Entry<String, Path> archive : archives.entrySet()) {
      String reference = local.image() + ":" + archive.getKey();
      Registry.crane("push", archive.getValue().toString(), reference);
      if (!Registry.crane("config", reference).contains(source.commit())) {
        throw new Failure(
            """
            %s is not of this commit, %s
            State: nothing was pushed.
            Next: delete it, and run the same command again\
            """
                .formatted(archive.getValue(), source.commit()));
      }
      Path bom = folder.resolve(named("image-" + archive.getKey() + ".cdx.json"));
      Boms.ofImage(archive.getValue(), version, bom);
      digests.put(bom, Registry.digest(reference).orElseThrow());
    }
    return digests;
  }

  /** One image for all architectures; pushes it, and returns its digest. */
  private String index(Registry local, Collection<String> images)
      throws IOException, InterruptedException {
    String reference = local.image() + ":" + version;
    List<String> append = new ArrayList<>(List.of("index", "append", "--tag", reference));
    for (String digest : images) {
      append.addAll(List.of("--manifest", local.image() + "@" + digest));
    }
    Registry.crane(append.toArray(String[]::new));
    return Registry.digest(reference).orElseThrow();
  }

  private Path chart(Path work, String imageDigest) throws IOException, InterruptedException {
    ChartPackage chart =
        new ChartPackage(Path.of("charts/learnflow-db"), work.resolve("learnflow-db"));
    String subchart = chart.subchart().getFileName().toString();
    if (subchart.contains(STAND_IN) && isForOthers()) {
      throw new Failure(
          """
          %s is the tests' stand-in for the PostgreSQL chart
          State: nothing was pushed.
          Next: make deps, and run the same command again\
          """
              .formatted(subchart));
    }
    int slash = target.image().indexOf('/');
    chart.setValue("migrator.image.registry", target.image().substring(0, slash));
    chart.setValue("migrator.image.repository", target.image().substring(slash + 1));
    // Beside the tag, not as digest, which would win over the tag in somebody's values.
    chart.setValue("migrator.image.tag", version + "@" + imageDigest);
    Map<String, String> images = new LinkedHashMap<>();
    images.put("learnflow-db", target.image() + ":" + version + "@" + imageDigest);
    for (ChartPackage.Image image : ChartPackage.IMAGES) {
      String path = image.path();
      String named =
          "%s/%s:%s"
              .formatted(
                  chart.value(path + ".registry"),
                  chart.value(path + ".repository"),
                  chart.value(path + ".tag"));
      String digest = digest(named).map("@"::concat).orElse("");
      chart.setValue(path + ".tag", chart.value(path + ".tag") + digest);
      images.put(image.name(), named + digest);
    }
    chart.describe(version, images, source.changelog().changes(version));
    Boms.ofChart(version, subchart, images, folder.resolve(named("chart.cdx.json")));
    Files.writeString(folder.resolve("notes.md"), source.changelog().notes(version));
    return chart.archive(version, FileTime.from(Instant.ofEpochSecond(source.time())), folder);
  }

  /** Of somebody else's image, which the chart names by its tag. */
  private Optional<String> digest(String image) throws IOException, InterruptedException {
    if (image.contains("@")) {
      return Optional.empty(); // pinned already
    }
    try {
      Optional<String> digest = Registry.digest(image);
      if (digest.isPresent()) {
        return digest;
      }
      throw new Failure(image + " does not exist");
    } catch (Failure e) {
      if (isForOthers()) {
        throw e;
      }
      System.err.println("release  by its tag, since its registry does not answer: " + image);
      return Optional.empty();
    }
  }

  /** Whether others will use it, so that all must be as it is for them. */
  private boolean isForOthers() {
    return push && !target.isOnThisMachine();
  }

  private String pushChart(Registry local, Path chart) throws IOException, InterruptedException {
    Programs.run(
        "tools/bin/helm", "push", chart.toString(), "oci://" + local.charts(), "--plain-http");
    return Registry.digest(local.chart() + ":" + version).orElseThrow();
  }

  private Cosign cosign() throws IOException, InterruptedException {
    String key = environment("COSIGN_KEY");
    if (!key.isEmpty()) {
      return new Cosign(Path.of(key), target.isOnThisMachine());
    }
    if (isForOthers()) {
      return new Cosign(null, false);
    }
    Path made = Cosign.makeKey(folder.getParent());
    System.err.println("release  signed with a key of its own, for a rehearsal: " + made);
    return new Cosign(made, true);
  }

  /** Asks the registry something, before anything is made for it. */
  private void reach() throws IOException, InterruptedException {
    try {
      Registry.digest(target.chart() + ":" + version);
    } catch (Failure e) {
      throw new Failure(
          """
          %s
          State: nothing was pushed to %s.
          Next: see that this machine reaches it, log in (tools/release/bin/crane auth login HOST), and run
            the same command again; without PUSH=1 the release is made here, and not pushed\
          """
              .formatted(e.getMessage(), target.address()));
    }
  }

  private void publish(
      Registry local, Map<Path, String> boms, String image, String chart, Cosign cosign)
      throws IOException, InterruptedException {
    boolean imageIsReleased = isReleased(target.image(), image);
    if (isReleased(target.chart(), chart) && imageIsReleased) {
      System.out.println(
          "found    the same in " + target.address() + "; nothing was changed there");
      return;
    }
    try {
      upload(local, boms, image, chart, cosign);
    } catch (Failure e) {
      throw new Failure(
          """
          %s
          State: not everything was pushed to %s; %s.
          Next: run the same command again, which completes it\
          """
              .formatted(
                  e.getMessage(),
                  target.address(),
                  imageIsReleased
                      ? "the image has its tag, the chart has none yet"
                      : "the tags, by which it is found, come last"));
    }
    System.out.println(
        """
        pushed   %s:%s
        install  helm upgrade --install learnflow-db oci://%s --version %s -n postgres --create-namespace\
        """
            .formatted(target.image(), version, target.chart(), version));
  }

  private void upload(
      Registry local, Map<Path, String> boms, String image, String chart, Cosign cosign)
      throws IOException, InterruptedException {
    copy(local.image(), target.image(), image);
    cosign.sign(target.image() + "@" + image);
    for (Map.Entry<Path, String> part : boms.entrySet()) {
      cosign.attest(part.getKey(), target.image() + "@" + part.getValue());
    }
    copy(local.chart(), target.chart(), chart);
    cosign.sign(target.chart() + "@" + chart);
    cosign.attest(folder.resolve(named("chart.cdx.json")), target.chart() + "@" + chart);
    tag(target.image(), image);
    tag(target.chart(), chart);
  }

  private static void copy(String from, String to, String digest)
      throws IOException, InterruptedException {
    System.err.println("release  pushing " + to + "@" + digest);
    Registry.crane("copy", from + "@" + digest, to + "@" + digest);
  }

  private void tag(String repository, String digest) throws IOException, InterruptedException {
    Registry.crane("tag", repository + "@" + digest, version.text());
  }

  private void writeChecksums() throws IOException, GeneralSecurityException {
    StringBuilder sums = new StringBuilder();
    for (Path file : files()) {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
      sums.append(HexFormat.of().formatHex(digest))
          .append("  ")
          .append(file.getFileName())
          .append('\n');
    }
    Files.writeString(folder.resolve("SHA256SUMS"), sums);
  }

  /** What is released as files: not the images, which are in the registry. */
  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.toString().matches(".*\\.(tar\\.gz|zip|tgz|cdx\\.json)"))
          .sorted()
          .toList();
    }
  }

  private void print(String imageDigest, String chartDigest) throws IOException {
    for (Path file : files()) {
      System.out.printf("%10d  %s%n", Files.size(file), file);
    }
    System.out.printf("     image  %s:%s@%s%n", target.image(), version, imageDigest);
    System.out.printf("     chart  %s:%s@%s%n", target.chart(), version, chartDigest);
  }

  private String named(String part) {
    return "learnflow-db-" + version + "-" + part;
  }

  private static String environment(String name) {
    return System.getenv().getOrDefault(name, "").strip();
  }
}
