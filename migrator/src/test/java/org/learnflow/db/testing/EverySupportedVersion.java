package org.learnflow.db.testing;

import java.io.IOException;
import java.io.Reader;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.util.List;
import java.util.Properties;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.provider.ArgumentsSource;
import org.junit.jupiter.params.support.AnnotationConsumer;
import org.junit.jupiter.params.support.ParameterDeclarations;

/** A test of each major version of PostgreSQL that tools/versions.properties promises. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@ParameterizedTest
@ArgumentsSource(EverySupportedVersion.Provider.class)
public @interface EverySupportedVersion {
  /** Whether the gate runs the oldest and the newest only, because a case takes long. */
  boolean slow() default false;

  /** Reads the versions. */
  final class Provider implements ArgumentsProvider, AnnotationConsumer<EverySupportedVersion> {
    private boolean slow;

    @Override
    public void accept(EverySupportedVersion annotation) {
      slow = annotation.slow();
    }

    @Override
    public Stream<? extends Arguments> provideArguments(
        ParameterDeclarations parameters, ExtensionContext context) throws IOException {
      List<Integer> majors = majors().boxed().toList();
      return (slow
              ? Level.cases(
                  context.getDisplayName(), majors, List.of(majors.getFirst(), majors.getLast()))
              : majors.stream())
          .map(Arguments::of);
    }

    /** The major versions, oldest first. */
    public static IntStream majors() throws IOException {
      Properties versions = new Properties();
      try (Reader reader =
          Files.newBufferedReader(TestFiles.repository().resolve("tools/versions.properties"))) {
        versions.load(reader);
      }
      return IntStream.rangeClosed(
          Integer.parseInt(versions.getProperty("postgresql.oldest")),
          Integer.parseInt(versions.getProperty("postgresql.newest")));
    }
  }
}
