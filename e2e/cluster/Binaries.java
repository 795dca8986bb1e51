import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import lib.Cached;
import lib.Failure;
import lib.Programs;

/**
 * Programs that are built once from the Go module that pins them, and kept in the user's cache.
 *
 * @param name the folder with the module, and the name of the programs in the cache
 * @param module the module whose version is theirs
 * @param packages what to build
 */
record Binaries(String name, String module, List<String> packages) {
  static final Binaries KUBERNETES =
      new Binaries(
          "kubernetes",
          "k8s.io/kubernetes",
          Stream.of(
                  "kube-apiserver",
                  "kube-controller-manager",
                  "kube-proxy",
                  "kube-scheduler",
                  "kubeadm",
                  "kubectl",
                  "kubelet")
              .map("k8s.io/kubernetes/cmd/"::concat)
              .toList());
  static final Binaries COREDNS =
      new Binaries("coredns", "github.com/coredns/coredns", List.of("github.com/coredns/coredns"));
  static final Binaries PROVISIONER =
      new Binaries(
          "provisioner",
          "sigs.k8s.io/sig-storage-lib-external-provisioner/v13",
          List.of("learnflow-db/e2e/cluster/provisioner"));
  static final Binaries KIND =
      new Binaries("kind", "sigs.k8s.io/kind", List.of("sigs.k8s.io/kind"));

  /** Helm and others read the version from the API server, which learns it only here. */
  private static final String VERSION = "k8s.io/component-base/version.git";

  String version() throws IOException {
    var matcher =
        Pattern.compile(Pattern.quote(module) + " (v[0-9][^ \n]*)")
            .matcher(Files.readString(source().resolve("go.mod")));
    if (!matcher.find()) {
      throw new IllegalStateException(source() + "/go.mod does not pin " + module);
    }
    return matcher.group(1);
  }

  /** The folder with the programs. */
  Path build() throws IOException, InterruptedException {
    var cache = Cluster.cache();
    var folder = cache.resolve("%s-%s-%s".formatted(name, version(), digest()));
    return Cached.build(folder, unfinished -> build(cache, unfinished));
  }

  private void build(Path cache, Path folder) throws IOException, InterruptedException {
    var go =
        Programs.find("go")
            .orElseThrow(() ->
                new Failure(
                    ("%s is built with Go, and there is no go on PATH; "
                            + "install Go 1.21 or later (https://go.dev/dl)")
                        .formatted(name)));
    var command =
        new ArrayList<>(
            List.of(go.toString(), "build", "-buildvcs=false", "-ldflags", linkerFlags()));
    command.addAll(List.of("-o", folder + "/"));
    command.addAll(packages);
    var builder = new ProcessBuilder(command).directory(source().toFile());
    builder.environment().put("CGO_ENABLED", "0");
    Programs.runLong(
        "building %s %s, once".formatted(name, version()),
        builder,
        cache.resolve(name + "-build.log"));
  }

  private String linkerFlags() throws IOException {
    var version = version();
    var numbers = version.substring(1).split("\\.");
    return "-s -w -X %sVersion=%s -X %sMajor=%s -X %sMinor=%s"
        .formatted(VERSION, version, VERSION, numbers[0], VERSION, numbers[1]);
  }

  private Path source() {
    return Cluster.FOLDER.resolve(name);
  }

  private String digest() throws IOException {
    try (var files = Files.list(source())) {
      return Cached.digest(4, files.sorted().toList(), "");
    }
  }
}
