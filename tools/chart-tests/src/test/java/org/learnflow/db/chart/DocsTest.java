package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The pages of docs/ can be found, and what leads to them leads there. */
class DocsTest {
  private static final Path DOCS = Repository.ROOT.resolve("docs");
  private static final Pattern CODE = Pattern.compile("(?ms)^```.*?^```$|`[^`\n]*`");
  private static final Pattern LINK = Pattern.compile("\\]\\((?<target>[^)\\s]+)\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} (?<text>.+)$");
  private static final Pattern PAGE_PATH = Pattern.compile("\\bdocs/[a-z/-]+\\.(?:md|svg)\\b");

  /** Where paths such as docs/how-to/restore.md stand in what people read. */
  private static final List<String> SOURCES =
      List.of("charts", "e2e", "examples", "tools", "migrator/src", "bench", "Makefile", ".github");

  private static final Set<String> BUILT =
      Set.of("target", "bin", ".git", ".demo", ".idea", "go", "node_modules");

  @Test
  void everyRelativeLinkLeadsToAFileAndAHeadingInIt() {
    List<String> broken =
        files(Repository.ROOT)
            .filter(file -> file.toString().endsWith(".md"))
            .flatMap(page ->
                matches(LINK, CODE.matcher(Repository.read(page)).replaceAll(""))
                    .map(link -> link.group(1))
                    .filter(target -> !target.matches("[a-z]+:.*"))
                    .filter(target -> !leads(page, target))
                    .map(target -> Repository.ROOT.relativize(page) + ": " + target))
            .toList();
    assertThat(broken).isEmpty();
  }

  private static boolean leads(Path page, String target) {
    String[] parts = target.split("#", 2);
    Path file = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]).normalize();
    return Files.exists(file) && (parts.length == 1 || anchors(file).contains(parts[1]));
  }

  /** As GitHub makes them of headings. */
  private static Set<String> anchors(Path page) {
    return matches(HEADING, Repository.read(page))
        .map(heading ->
            heading
                .group(1)
                .strip()
                .toLowerCase()
                .replaceAll("[^\\p{L}\\p{N} _-]", "")
                .replace(' ', '-'))
        .collect(Collectors.toSet());
  }

  @Test
  void theIndexNamesEveryPage() {
    Set<String> pages =
        files(DOCS)
            .map(page -> DOCS.relativize(page).toString())
            .filter(page -> page.endsWith(".md") && !page.equals("README.md"))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(
            matches(LINK, Repository.read(DOCS.resolve("README.md")))
                .map(link -> link.group(1))
                .filter(link -> !link.startsWith("..")))
        .containsExactlyInAnyOrderElementsOf(pages);
  }

  @Test
  void everyPageBeginsWithWhenToReadIt() {
    assertThat(files(DOCS).filter(page -> page.toString().endsWith(".md")))
        .allSatisfy(page ->
            assertThat(Repository.read(page))
                .as(page.toString())
                .containsPattern("\\A(?:<!--.*-->\n)?# .+\n\\s*Read this "));
  }

  @Test
  void everyPathOfAPageExists() {
    assertThat(
            SOURCES.stream()
                .flatMap(source -> files(Repository.ROOT.resolve(source)))
                .filter(file -> !file.toString().endsWith(".jar"))
                .flatMap(file ->
                    matches(PAGE_PATH, text(file))
                        .map(MatchResult::group)
                        .filter(path -> !Files.exists(Repository.ROOT.resolve(path)))
                        .map(path -> Repository.ROOT.relativize(file) + ": " + path)))
        .isEmpty();
  }

  /** With {@code -Dgenerate=true}: writes them instead. */
  @Test
  void thePicturesAreThoseOfTheChart() throws IOException {
    Path page = DOCS.resolve("explanation/how-it-works.md");
    Pictures pictures =
        Pictures.of(
            new Rendering(List.of("values-prod.yaml")),
            "--set=publish.namespaces={progress}",
            "--set=reconcile.schedule=@hourly");
    String text = Repository.read(page);
    String drawn =
        with(with(text, "objects", pictures.objectsPicture()), "run", pictures.runPicture());
    if (Boolean.getBoolean("generate")) {
      Files.writeString(page, drawn);
    } else {
      assertThat(text)
          .as(page + " is out of date: run make generate and commit it")
          .isEqualTo(drawn);
    }
  }

  /** The page with a picture after the comment that names it. */
  private static String with(String page, String name, String picture) {
    var place =
        Pattern.compile("(<!-- picture " + name + ":[^\n]*-->\n```mermaid\n)(?s:.*?)(?m:^```$)")
            .matcher(page);
    assertThat(place.find()).as("the place of picture " + name).isTrue();
    return place.replaceFirst(found -> found.group(1) + picture + "```");
  }

  private static Stream<Path> files(Path directory) {
    if (Files.isRegularFile(directory)) {
      return Stream.of(directory);
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .filter(entry -> !Files.isSymbolicLink(entry))
          .filter(entry -> !BUILT.contains(entry.getFileName().toString()))
          .sorted()
          .toList()
          .stream()
          .flatMap(DocsTest::files);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<MatchResult> matches(Pattern pattern, String text) {
    return pattern.matcher(text).results();
  }

  /** Byte by byte, since not every file there is a text. */
  private static String text(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
