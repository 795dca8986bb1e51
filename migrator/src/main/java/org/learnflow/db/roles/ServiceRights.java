package org.learnflow.db.roles;

import de.siegmar.fastcsv.reader.CommentStrategy;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.NamedCsvRecord;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;
import org.learnflow.db.connect.ServiceRole.Right;
import org.learnflow.db.postgres.Sql;

/**
 * What each service may do, as {@code services.csv} beside the migrations says it: a line for each
 * table or view, with columns {@code service}, {@code relation}, {@code privileges} and {@code
 * columns}.
 *
 * @param byService all rights, by name of the service
 */
public record ServiceRights(Map<String, List<Right>> byService) {
  /** Name of the file. */
  public static final String FILE = "services.csv";

  private static final List<String> COLUMNS =
      List.of("service", "relation", "privileges", "columns");

  /** Others are for who owns the table. */
  private static final Set<String> PRIVILEGES = Set.of("SELECT", "INSERT", "UPDATE", "DELETE");

  private static final Pattern WORDS = Pattern.compile("\\s+");

  private static final String NAME = "[a-z_][a-z0-9_]*+";

  /** As the migrations write them, unquoted. */
  private static final Pattern RELATION = Pattern.compile("(?:(%1$s)\\.)?(%1$s)".formatted(NAME));

  /**
   * Reads the file.
   *
   * @throws Failure 2 for a line that says nothing that can be granted, with its number
   */
  public static ServiceRights read(Path file) {
    Map<String, List<Right>> byService = new LinkedHashMap<>();
    try (CsvReader<NamedCsvRecord> lines =
        CsvReader.builder()
            .commentStrategy(CommentStrategy.SKIP)
            .ofNamedCsvRecord(WholeFile.SERVICES.text(file))) {
      for (NamedCsvRecord line : lines) {
        if (!line.getHeader().equals(COLUMNS)) {
          throw wrong(file, 1, "its columns are not " + String.join(",", COLUMNS));
        }
        byService
            .computeIfAbsent(line.getField("service"), _ -> new ArrayList<>())
            .addAll(rights(file, line));
      }
    } catch (CsvParseException e) {
      throw wrong(file, 0, Reason.of(e)).causedBy(e);
    } catch (IOException e) {
      throw Failure.of(ExitCode.USAGE, "the services' rights cannot be read: " + Reason.of(e))
          .where(file.toString())
          .state("nothing was changed")
          .next("put the file there, or name it: --service-rights FILE")
          .causedBy(e);
    }
    return new ServiceRights(byService);
  }

  private static List<Right> rights(Path file, NamedCsvRecord line) {
    long number = line.getStartingLineNumber();
    var relation = RELATION.matcher(line.getField("relation"));
    if (!relation.matches()) {
      throw wrong(file, number, "\"%s\" is not a table".formatted(line.getField("relation")));
    }
    String name =
        "%s.%s"
            .formatted(
                Sql.identifier(Optional.ofNullable(relation.group(1)).orElse("public")),
                Sql.identifier(relation.group(2)));
    List<String> columns = words(line.getField("columns"));
    List<Right> rights = new ArrayList<>();
    for (String privilege : words(line.getField("privileges"))) {
      if (!PRIVILEGES.contains(privilege)) {
        throw wrong(
            file,
            number,
            "\"%s\" is not one of SELECT, INSERT, UPDATE and DELETE".formatted(privilege));
      }
      if (columns.isEmpty()) {
        rights.add(new Right(name, privilege, Optional.empty()));
      } else if (privilege.equals("DELETE")) {
        throw wrong(file, number, "rows are deleted whole, not by columns");
      } else {
        columns.forEach(column -> rights.add(new Right(name, privilege, Optional.of(column))));
      }
    }
    if (rights.isEmpty()) {
      throw wrong(file, number, "no privilege is named");
    }
    return rights;
  }

  private static List<String> words(String field) {
    return field.isBlank() ? List.of() : Arrays.asList(WORDS.split(field.strip()));
  }

  private static Failure wrong(Path file, long line, String what) {
    return Failure.of(ExitCode.USAGE, "the services' rights cannot be used: " + what)
        .where(line == 0 ? file.toString() : "%s, line %d".formatted(file, line))
        .state("nothing was changed")
        .next("correct the line, such as: progress,public.users,SELECT,");
  }

  /**
   * Those of one service.
   *
   * @throws Failure 2 if there are none
   */
  public List<Right> of(String service) {
    List<Right> rights = byService.getOrDefault(service, List.of());
    if (rights.isEmpty()) {
      throw Failure.of(ExitCode.USAGE, "service %s has no rights".formatted(service))
          .where(FILE)
          .state("nothing was changed")
          .next(
              "add a line for each table that it uses to migrations/%s, such as: %s,public.users,SELECT,"
                  .formatted(FILE, service));
    }
    return List.copyOf(rights);
  }
}
