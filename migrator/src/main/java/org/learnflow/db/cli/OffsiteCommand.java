package org.learnflow.db.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.Session;
import org.learnflow.db.offsite.DumpStore;
import org.learnflow.db.offsite.ObjectUri;
import org.learnflow.db.offsite.OffsiteCopies;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Copies a release's dumps to a bucket. */
@Command(
    name = "offsite",
    description =
        "Copies the dumps that a release made from FOLDER to a bucket, those that are not there yet,"
            + " and reads each copy back. AWS's variables name store and credentials:"
            + " AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID and so on.")
final class OffsiteCommand extends BaseCommand {
  /** Nobody waits, and the next run may be tomorrow's. */
  private static final int ATTEMPTS = 12;

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private OffsiteOptions offsite;

  @Parameters(index = "0", arity = "0..1", paramLabel = "FOLDER", description = "The dumps.")
  private @Nullable Path folder;

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "s3://BUCKET/FOLDER/",
      description = "Where they are copied to.")
  private @Nullable String to;

  @Option(
      names = "--keep",
      paramLabel = "N",
      description =
          "How many copies of each kind are kept; those that this database did not make are never"
              + " removed (default: 0, all).")
  private int keep;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    if (folder == null || to == null || keep < 0) {
      throw Failure.of(
              ExitCode.USAGE,
              keep < 0
                  ? "--keep cannot be negative"
                  : "the folder and the bucket are not specified")
          .state("nothing was copied")
          .next("learnflow-db offsite FOLDER s3://BUCKET/FOLDER/");
    }
    OffsiteCopies copies = new OffsiteCopies(folder, ObjectUri.folder(to), keep, progress);
    try (DumpStore store = offsite.store(progress, "offsite", ATTEMPTS);
        Session session = database.access(cluster(), false, progress).ownerSession()) {
      OffsiteCopies.Result result = copies.run(store, session);
      print(result.text(), result);
      return ExitCode.OK;
    }
  }
}
