package org.learnflow.db.cli;

import java.nio.file.Path;
import org.learnflow.db.offsite.ObjectUri;
import picocli.CommandLine.ITypeConverter;

/** A dump's name on the command line: a file, or an object in a bucket. */
final class DumpArgument implements ITypeConverter<String> {
  /** What cannot be a file's name here is refused with the other mistakes of a command line. */
  @Override
  public String convert(String value) {
    return ObjectUri.names(value) ? value : Path.of(value).toString();
  }
}
