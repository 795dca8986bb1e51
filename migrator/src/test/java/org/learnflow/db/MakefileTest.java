package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.testing.TestFiles;

/**
 * What is given to make is never read as code, neither by make nor by the shell. The real Makefile,
 * with programs that only note what they were called with.
 */
@SuppressWarnings("NullAway.Init") // set before each test
class MakefileTest {
  /** Each part would make a file named pwned. */
  private static final String EVIL =
      "x\"; touch pwned; '; touch pwned; $(touch pwned) `touch pwned` $(shell touch pwned) ${PATH} &";

  private static final List<String> BUILT =
      List.of(
          "build",
          "deps",
          "deps-test",
          "tools",
          "e2e/alerts/bin/prometheus",
          "bench-image",
          "migrator/target/image.tar",
          "examples/spring/target/jib-image.tar",
          "/usr/bin/redis-server");

  private static final String JDK = "JDK=" + System.getProperty("java.home");

  @TempDir private Path directory;
  private Path project;
  private Path calls;

  @BeforeEach
  void project() throws Exception {
    project = Files.createDirectory(directory.resolve("project"));
    calls = directory.resolve("calls");
    copyMakefile(project);
    for (String folder :
        List.of(
            "migrator/src/main/java",
            "migrator/src/main/resources",
            "migrator/src/main/dist",
            "migrator/src/main/image",
            "migrator/target",
            "tools/images/base",
            "tools/bin",
            "tools/chart-tests",
            "e2e/target",
            "migrations",
            "seeds")) {
      Files.createDirectories(project.resolve(folder));
    }
    Files.writeString(project.resolve("migrations/V007__last.sql"), "");
    Files.writeString(project.resolve("migrator/pom.xml"), "");
    Files.writeString(project.resolve("migrator/target/jib-image.digest"), "sha256:0");
    for (String program :
        List.of("bin/mvn", "bin/curl", "jdk/bin/java", "bin/learnflow-db", "bin/load", "bin/go")) {
      stub(directory.resolve(program));
    }
    for (String tool : List.of("helm", "helm-unittest", "ct")) {
      stub(project.resolve("tools/bin").resolve(tool));
    }
    git("init", "-q");
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a");
  }

  /** With the programs that it runs. */
  private static void copyMakefile(Path root) throws IOException {
    Path repository = TestFiles.repository();
    Files.copy(repository.resolve("Makefile"), root.resolve("Makefile"));
    for (String folder : List.of("tools", "tools/lib", "tools/cache")) {
      Files.createDirectories(root.resolve(folder));
      try (Stream<Path> files = Files.list(repository.resolve(folder))) {
        for (Path file : files.filter(name -> name.toString().endsWith(".java")).toList()) {
          Files.copy(file, root.resolve(folder).resolve(file.getFileName()));
        }
      }
    }
  }

  /** Notes its arguments, each as a line, and what it finds in the environment. */
  private void stub(Path program) {
    TestFiles.write(
        program,
        """
        #!/bin/sh
        for word; do printf 'argument %%s\\n' "$word"; done >> '%1$s'
        for name in RELEASE NAMESPACE VERSION REGISTRY HELM HELM_FLAGS QUIET YES MAVEN_OPTS; do
          eval "printf '%%s\\n' \\"variable $name=\\$$name\\""
        done >> '%1$s'
        mkdir -p target/dist/bin
        """
            .formatted(calls));
    assertThat(program.toFile().setExecutable(true)).isTrue();
  }

  private void git(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("git"));
    command.addAll(List.of(arguments));
    assertThat(run(command, Map.of())).as(String.join(" ", command)).isZero();
  }

  private int run(List<String> command, Map<String, String> environment) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(project.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("output").toFile())
            .redirectInput(new File("/dev/null"));
    builder
        .environment()
        .keySet()
        .removeIf(name -> name.startsWith("MAKE") || name.equals("MFLAGS"));
    builder.environment().put("PATH", directory.resolve("bin") + ":" + System.getenv("PATH"));
    builder.environment().putAll(environment);
    return builder.start().waitFor();
  }

  /** Runs make; everything that is built is taken for built. */
  private int make(Map<String, String> environment, String... words) throws Exception {
    List<String> built = new ArrayList<>(BUILT);
    try (Stream<Path> modules = Files.list(TestFiles.repository().resolve("tools/go"))) {
      modules.forEach(module -> built.add("tools/bin/" + module.getFileName()));
    }
    List<String> command =
        new ArrayList<>(
            List.of(
                "make",
                "--no-print-directory",
                "JDK=" + directory.resolve("jdk"),
                "LEARNFLOW_DB=" + directory.resolve("bin/learnflow-db")));
    built.stream()
        .filter(target -> !target.equals(words[0]))
        .forEach(target -> command.addAll(List.of("-o", target)));
    command.addAll(List.of(words));
    return run(command, environment);
  }

  private List<String> calls() throws IOException {
    return Files.exists(calls) ? Files.readAllLines(calls, StandardCharsets.UTF_8) : List.of();
  }

  private void assertNothingRan() throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      assertThat(files.map(file -> String.valueOf(file.getFileName()))).doesNotContain("pwned");
    }
  }

  /** VALUE stands for the value, PROJECT for the repository's path. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "RELEASE | verify | argument VALUE",
        "RELEASE | verify QUIET=1 | argument VALUE",
        "NAMESPACE | status | argument VALUE",
        "FILE | backup | argument VALUE",
        "FILE | restore | argument VALUE",
        "TO | rollback | argument VALUE",
        "BACKUP | rollback TO=007 | argument VALUE",
        "QUIET | connection | argument connection",
        "YES | restore FILE=a | argument --yes",
        "REPLACE | restore FILE=a | argument --replace",
        "NO_BACKUP | rollback TO=007 | argument --no-backup",
        "RESTART | rotate | argument --restart",
        "PURGE | undeploy | argument purge",
        "RELEASE | deploy | variable RELEASE=VALUE",
        "NAMESPACE | deploy | variable NAMESPACE=VALUE",
        "VERSION | deploy | variable VERSION=VALUE",
        "HELM | deploy | variable HELM=VALUE",
        "HELM_FLAGS | deploy | variable HELM_FLAGS=VALUE",
        "REGISTRY | deploy | variable REGISTRY=VALUE",
        "QUIET | deploy | variable QUIET=VALUE",
        "YES | undeploy | variable YES=VALUE",
        "REGISTRY | image-push IMAGE_BASE=distroless | argument -Dimage.name=VALUE/learnflow-db",
        "VERSION | image-push REGISTRY=a | argument -Drevision=VALUE",
        "VERSION | test-java | argument -Drevision=VALUE",
        "POSTGRESQL_CHART | test-chart | argument -Dpostgresql.chart=PROJECT/VALUE",
        "STANDIN | deps | argument stand-in",
        "POSTGRESQL_CHART | deps | argument VALUE",
        "POSTGRESQL_CHART | deps-test | argument VALUE",
        "ACCEPT | migrator/target/image.tar IMAGE_BASE=debian | argument accept",
        "IMAGE | cluster-load | argument VALUE",
        "RELEASES | bench-fleet | argument VALUE",
        "PARALLEL | bench-fleet | argument VALUE",
        "TEST | e2e | argument -Dtest=VALUE",
        "TEST | e2e-operations | argument -Dtest=VALUE",
        "TEST | e2e-alerts | argument -Dtest=VALUE",
        "E2E_KUBECONFIG | e2e | argument -Dkubeconfig=PROJECT/VALUE",
        "GITOPS_INSTALLED | e2e-gitops | argument -Dgitops.address=VALUE",
      })
  void aValueReachesTheProgramAsItIs(String name, String target, String expected) throws Exception {
    List<String> words = new ArrayList<>(List.of(target.split(" ")));
    String call = expected.replace("VALUE", EVIL).replace("PROJECT", project.toString());
    make(Map.of(name, EVIL), words.toArray(String[]::new));
    assertThat(calls())
        .as("from the environment: " + output())
        .contains(name.equals("VERSION") ? "variable YES=" : call); // the version is git's
    assertNothingRan();

    Files.delete(calls);
    words.add(name + "=" + EVIL); // as the shell hands over what is in single quotes
    make(Map.of(), words.toArray(String[]::new));
    assertThat(calls()).as("from the command line: " + output()).contains(call);
    assertNothingRan();
  }

  /** From the environment, from the command line, and with a word more. */
  @ParameterizedTest
  @CsvSource({
    "ENV, deploy, prod, argument prod",
    "SEED_MODE, seed, update, argument update",
    "ROLE, rotate, owner, argument owner",
    "IMAGE_BASE, image-push REGISTRY=a, distroless, argument -Dimage.name=a/learnflow-db"
  })
  void aChoiceIsLookedAtBeforeAnythingIsBuilt(
      String name, String target, String good, String expected) throws Exception {
    for (String bad : List.of("staging", EVIL, good + " " + good, good + "%")) {
      List<String> words = new ArrayList<>(List.of(target.split(" ")));
      assertThat(make(Map.of(name, bad), words.toArray(String[]::new))).isEqualTo(2);
      words.add(name + "=" + bad);
      assertThat(make(Map.of(), words.toArray(String[]::new))).isEqualTo(2);
      assertThat(output()).contains(name + " cannot be \"" + bad + "\"; give one of: ");
      assertThat(calls()).isEmpty();
      assertNothingRan();
    }
    make(Map.of(name, good), target.split(" "));
    assertThat(calls()).as(output()).contains(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "backup, FILE is missing: make backup FILE=learnflow.dump",
    "restore, FILE is missing: make restore FILE=learnflow.dump",
    "rollback, TO is missing: make rollback TO=007",
    "image-push, REGISTRY is missing: make image-push REGISTRY=ghcr.io/you"
  })
  void whatIsMissingIsSaidBeforeAnythingIsBuilt(String target, String said) throws Exception {
    assertThat(make(Map.of(), target)).isEqualTo(2);
    assertThat(output()).contains(said);
    assertThat(calls()).isEmpty();
  }

  @Test
  void aClusterIsAskedForBeforeAnythingIsBuilt() throws Exception {
    make(Map.of(), "deploy", "REGISTRY=a", "IMAGE_BASE=distroless");
    assertThat(calls())
        .as(output())
        .containsSubsequence(
            "argument check", "argument -Dimage.name=a/learnflow-db", "argument up");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "no", "false", "off"})
  void aFlagThatIsOffIsNotSet(String off) throws Exception {
    make(Map.of("YES", off), "undeploy", "PURGE=" + off);
    make(Map.of(), "rollback", "TO=007", "NO_BACKUP=" + off, "YES=" + off);
    make(Map.of(), "restore", "FILE=a", "REPLACE=" + off);
    make(Map.of(), "rotate", "RESTART=" + off);
    assertThat(calls())
        .as(output())
        .contains("argument keep", "argument rollback", "argument restore", "argument rotate")
        .doesNotContain(
            "argument purge",
            "argument --yes",
            "argument --no-backup",
            "argument --replace",
            "argument --restart",
            "variable YES=" + off);
  }

  /** What the README says of exit codes, and of QUIET. */
  @Test
  void anExitCodeIsNamedAndAnErrorIsNeverQuiet() throws Exception {
    program("echo 'error: no cluster is named' >&2; exit 6");
    for (String target : List.of("verify", "status", "migrate")) {
      for (String quiet : List.of("", "1")) {
        assertThat(make(Map.of(), target, "QUIET=" + quiet)).isEqualTo(2);
        assertThat(output())
            .startsWith("error: no cluster is named\n")
            .containsPattern("make: \\*\\*\\* \\[Makefile:\\d+: " + target + "\\] Error 6");
      }
    }
    program("echo progress >&2; echo stage; printf '%s\\n' 'a\\tb healthy'");
    assertThat(make(Map.of(), "verify", "QUIET=1")).isZero();
    assertThat(output()).isEqualTo("a\\tb healthy\n");
  }

  private void program(String script) {
    TestFiles.write(directory.resolve("bin/learnflow-db"), "#!/bin/sh\n" + script + "\n");
  }

  @Test
  void aBuildSaysWhatItDoesAndMavenWritesNoEscapeCode() throws Exception {
    make(Map.of(), "migrator/target/dist/lib/learnflow-db.jar");
    assertThat(output()).startsWith("build    compiling");
    assertThat(calls()).as(output()).anyMatch(call -> call.contains("-Djansi.noreset=true"));
  }

  private String output() {
    return TestFiles.read(directory.resolve("output"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"JIB_FLAGS", "E2E_LOAD"})
  void aListOfFlagsIsSplitIntoWordsAndNotMore(String name) throws Exception {
    String target = name.equals("JIB_FLAGS") ? "image-push" : "e2e";
    String value =
        (name.equals("JIB_FLAGS") ? "" : "load ") + "-Da=\"1\" $(touch pwned) ; touch pwned";
    make(Map.of(), target, "REGISTRY=a", "IMAGE_BASE=distroless", name + "=" + value);
    assertThat(calls())
        .as(output())
        .containsSubsequence(
            "argument -Da=\"1\"",
            "argument $(touch",
            "argument pwned)",
            "argument ;",
            "argument touch");
    assertNothingRan();
  }

  @Test
  void aChartNamedFromTheRepositoryOrWithAllOfItsPathIsFound() throws Exception {
    make(Map.of(), "test-chart", "POSTGRESQL_CHART=/a/b.tgz");
    make(Map.of(), "test-chart", "POSTGRESQL_CHART=b.tgz");
    assertThat(calls())
        .contains(
            "argument -Dpostgresql.chart=/a/b.tgz",
            "argument -Dpostgresql.chart=" + project + "/b.tgz");
  }

  @Test
  void aTagsNameIsTheVersionAndNoMore() throws Exception {
    String tag = "v1\";touch${IFS}pwned;\"$(touch${IFS}pwned)`touch${IFS}pwned`$(shell${IFS}x)";
    git("tag", tag);
    make(Map.of(), "image-push", "REGISTRY=a", "IMAGE_BASE=distroless");
    make(Map.of(), "migrator/target/version");
    assertThat(calls()).as(output()).contains("argument -Drevision=" + tag);
    assertThat(project.resolve("migrator/target/version")).content().startsWith(tag + "\n");
    assertNothingRan();
  }

  @Test
  void aMigrationsNameIsANameOrNothingIsMade() throws Exception {
    make(Map.of(), "migration", "NAME=" + EVIL, JDK);
    assertThat(output()).contains("give it a name of a-z");
    assertNothingRan();
    assertThat(project.resolve("migrations").toFile().list()).containsExactly("V007__last.sql");

    make(Map.of(), "migration", "NAME=add_badges", JDK);
    assertThat(output().strip().lines())
        .containsExactly("migrations/U008__add_badges.sql", "migrations/V008__add_badges.sql");
  }

  /**
   * A program that ends only when another one of its kind is at work too, in the same second; what
   * it does before and afterwards stands in {@code before} and {@code after}.
   */
  private void meeting(String program, String before, String after) {
    Path file = directory.resolve("bin").resolve(program);
    TestFiles.write(
        file,
        """
        #!/bin/sh
        %s
        touch '%s'/"met.$$"
        tries=0
        until [ "$(ls '%2$s' | grep -c '^met\\.')" -ge 2 ]; do
          tries=$((tries + 1)); [ $tries -lt 600 ] || { echo "met nobody" >&2; exit 1; }; sleep 0.1
        done
        %s
        """
            .formatted(before, directory, after));
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  /** Makes a target in two checkouts at once, with a cache of their own that both share. */
  private void makeTwiceAtOnce(String target, String pins, String... files) throws Exception {
    List<Process> both = new ArrayList<>();
    for (String checkout : List.of("one", "two")) {
      Path root = Files.createDirectory(directory.resolve(checkout));
      copyMakefile(root);
      for (String file : files) {
        TestFiles.write(root.resolve(pins).resolve(file), "");
      }
      ProcessBuilder builder =
          new ProcessBuilder("make", "--no-print-directory", JDK, target)
              .directory(root.toFile())
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve(checkout + ".output").toFile());
      builder
          .environment()
          .keySet()
          .removeIf(name -> name.startsWith("MAKE") || name.equals("MFLAGS"));
      builder.environment().put("PATH", directory.resolve("bin") + ":" + System.getenv("PATH"));
      builder.environment().put("XDG_CACHE_HOME", directory.resolve("cache").toString());
      both.add(builder.start());
    }
    for (Process make : both) {
      assertThat(make.waitFor(120, TimeUnit.SECONDS)).isTrue();
    }
    for (String checkout : List.of("one", "two")) {
      assertThat(TestFiles.read(directory.resolve(checkout + ".output")))
          .doesNotContain("Error", "met nobody", "cannot");
      assertThat(directory.resolve(checkout).resolve(target)).exists().isExecutable();
    }
    assertThat(directory.toFile().list((_, name) -> name.startsWith("met."))).hasSize(2);
    try (Stream<Path> left = Files.walk(directory.resolve("cache"))) {
      assertThat(left.map(file -> String.valueOf(file.getFileName())))
          .noneMatch(name -> name.contains("unfinished"));
    }
  }

  @ParameterizedTest
  @CsvSource({"tools/bin/helm, tools/go/helm", "e2e/gitops/bin/argocd, e2e/gitops/go/argocd"})
  void twoCheckoutsThatBuildAToolAtOnceDoNotMeetInTheCache(String target, String pins)
      throws Exception {
    meeting(
        "go",
        "until [ \"$1\" = -o ]; do shift; done; : > \"$2\"; chmod +x \"$2\"",
        "echo whole > \"$2\"");
    makeTwiceAtOnce(target, pins, "go.mod", "go.sum");
    for (String checkout : List.of("one", "two")) {
      assertThat(directory.resolve(checkout).resolve(target)).hasContent("whole");
    }
  }

  @Test
  void twoCheckoutsThatInstallPythonToolsAtOnceDoNotMeetInTheCache() throws Exception {
    // As pip does it: one file after the other, each with the path of its own Python.
    meeting(
        "python3",
        "mkdir -p \"$3/bin\"; cp '%s' \"$3/bin/pip\"; chmod +x \"$3/bin/pip\""
            .formatted(directory.resolve("pip")),
        "[ ! -e \"$3/bin/yamale\" ] || { echo 'Error: somebody is at work here' >&2; exit 1; }");
    TestFiles.write(
        directory.resolve("pip"),
        """
        #!/bin/sh
        here=$(dirname "$0")
        for tool in yamale yamllint squawk zizmor; do
          ( set -C; echo "$here" > "$here/$tool" ) || { echo "Error: $tool is there" >&2; exit 1; }
          chmod +x "$here/$tool"
        done
        """);
    makeTwiceAtOnce("tools/bin/yamllint", "tools", "requirements.txt");
    for (String checkout : List.of("one", "two")) {
      Path tool = directory.resolve(checkout).resolve("tools/bin/squawk");
      assertThat(Path.of(TestFiles.read(tool).strip())).isDirectory();
    }
  }
}
