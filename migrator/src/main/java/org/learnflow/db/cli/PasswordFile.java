package org.learnflow.db.cli;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;

/** Passwords in files that options name. */
final class PasswordFile {
  private PasswordFile() {}

  /**
   * The password; empty if no file is named.
   *
   * @throws Failure 2 if the file cannot be used
   */
  static Optional<Password> read(String option, @Nullable Path file) {
    if (file == null) {
      return Optional.empty();
    }
    try {
      Optional<Password> password = Password.ofFile(WholeFile.PASSWORD.text(file));
      if (password.isEmpty()) {
        throw Failures.usage("the file that " + option + " names is empty")
            .where(file.toString())
            .next("write the password into it");
      }
      return password;
    } catch (NoSuchFileException e) {
      throw Failures.usage("the file that " + option + " names does not exist")
          .where(file.toString())
          .next(
              "create it; in a release: put the password into the Secret that"
                  + " credentials.existingSecret names (for the service role of an external"
                  + " database: externalDatabase.appSecret), under the key in credentials.keys");
    } catch (IOException e) {
      throw Failures.usage("the file that " + option + " names cannot be read: " + Reason.of(e))
          .where(file.toString())
          .next("ls -l " + file);
    }
  }
}
