package org.learnflow.db;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.learnflow.db.testing.TestFiles;

/** The rooms of the program, and who may know whom: ARCHITECTURE.md says the same in words. */
class RoomsTest {
  /** From the top: each room knows only those below it. */
  private static final List<String> ROOMS =
      List.of(
          "cli",
          "tracing",
          "pipeline",
          "rollback",
          "offsite",
          "backup",
          "credentials",
          "adoption",
          "report",
          "plan",
          "verify",
          "seed",
          "schema",
          "drift",
          "roles",
          "kubernetes",
          "programs",
          "publish",
          "connect",
          "postgres",
          "certificates");

  private static final int LONGEST_COMMAND = 160;

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("org.learnflow.db");

  private static String[] packages(List<String> rooms) {
    return rooms.stream().map(room -> "org.learnflow.db." + room + "..").toArray(String[]::new);
  }

  @Test
  void everyPackageIsARoom() {
    assertThat(CLASSES.stream().map(type -> type.getPackageName()).distinct())
        .containsExactlyInAnyOrderElementsOf(
            Stream.concat(
                    Stream.of("org.learnflow.db"),
                    ROOMS.stream().map(room -> "org.learnflow.db." + room))
                .toList());
  }

  @Test
  void importsRunOneWay() {
    for (int i = 1; i < ROOMS.size(); i++) {
      noClasses()
          .that()
          .resideInAPackage("org.learnflow.db." + ROOMS.get(i) + "..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(packages(ROOMS.subList(0, i)))
          .check(CLASSES);
    }
    noClasses()
        .that()
        .resideInAPackage("org.learnflow.db")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(packages(ROOMS))
        .check(CLASSES);
  }

  @Test
  void thereAreNoCycles() {
    slices().matching("org.learnflow.db.(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void onlyKubernetesSeesFabric8() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.learnflow.db.kubernetes..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.fabric8..")
        .check(CLASSES);
  }

  @Test
  void onlyTracingSeesOpenTelemetry() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.learnflow.db.tracing..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.opentelemetry..")
        .check(CLASSES);
  }

  @Test
  void theCommandLineHasNoSql() {
    noClasses()
        .that()
        .resideInAPackage("org.learnflow.db.cli..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.sql..")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("org.learnflow.db.postgres.Sql")
        .check(CLASSES);
  }

  /** Only one place knows how SQL writes a name or a value. */
  @Test
  void onlyPostgresQuotes() throws IOException {
    assertThat(sources())
        .filteredOn(source -> !source.toString().contains("/postgres/"))
        .allSatisfy(source ->
            assertThat(Files.readString(source))
                .doesNotContain(".replace(\"\\\"\", \"\\\"\\\"\")")
                .doesNotContain(".replace(\"'\", \"''\")")
                .doesNotContain("enquoteIdentifier")
                .doesNotContain("enquoteLiteral"));
  }

  @Test
  void commandsAreShort() throws IOException {
    assertThat(sources())
        .filteredOn(source -> source.getFileName().toString().endsWith("Command.java"))
        .isNotEmpty()
        .allSatisfy(source ->
            assertThat(Files.readAllLines(source)).hasSizeLessThanOrEqualTo(LONGEST_COMMAND));
  }

  private static List<Path> sources() throws IOException {
    try (Stream<Path> files =
        Files.walk(TestFiles.repository().resolve("migrator/src/main/java"))) {
      return files.filter(file -> file.toString().endsWith(".java")).toList();
    }
  }
}
