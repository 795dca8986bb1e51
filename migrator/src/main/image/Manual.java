import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.asciidoctor.Asciidoctor;
import org.asciidoctor.Options;
import org.asciidoctor.SafeMode;
import org.learnflow.db.cli.Main;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.codegen.docgen.manpage.ManPageGenerator;

/**
 * Writes a man page for each command of the program, and the script that completes its command
 * line, where they belong below /usr/share. SOURCE_DATE_EPOCH, in the environment, is the pages'
 * date.
 *
 * <p>Class path: dist/lib/* and the libraries of tools/release/man. Arguments: SHARE (a directory,
 * created again) and WORK (another one).
 */
final class Manual {
  private static final String NAME = "learnflow-db";

  private Manual() {}

  public static void main(String[] arguments) throws IOException {
    Path share = Path.of(arguments[0]).toAbsolutePath();
    Path work = Path.of(arguments[1]).toAbsolutePath();
    Staging.delete(share);
    Staging.delete(work);
    Path man = Files.createDirectories(share.resolve("man/man1"));
    Path completions = Files.createDirectories(share.resolve("bash-completion/completions"));
    PrintWriter nowhere = new PrintWriter(PrintWriter.nullWriter());
    CommandLine program = Main.commandLine(Map.of(), nowhere, nowhere);
    program.setCommandName(NAME);
    Files.writeString(completions.resolve(NAME), AutoComplete.bash(NAME, program));
    ManPageGenerator.generateManPage(
        work.toFile(), null, new boolean[0], false, program.getCommandSpec());
    List<Path> pages;
    try (Stream<Path> files = Files.list(work)) {
      pages = files.sorted().toList();
    }
    try (Asciidoctor asciidoctor = Asciidoctor.Factory.create()) {
      Options options =
          Options.builder()
              .backend("manpage")
              .safe(SafeMode.UNSAFE)
              .toDir(man.toFile())
              .baseDir(work.toFile())
              .build();
      for (Path page : pages) {
        asciidoctor.convertFile(page.toFile(), options);
      }
    }
  }
}
