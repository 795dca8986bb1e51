package org.learnflow.db.offsite;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Meter;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.backup.BackupDescription;
import org.learnflow.db.backup.MeteredInput;
import org.learnflow.db.backup.Sha256;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.S3Object;

/** Writes dumps to a bucket, encrypted if there are recipients, and reads them back. */
public final class DumpStore implements AutoCloseable {
  /** What is attached to an object: the SHA-256 of the dump, without encryption. */
  private static final String SHA256 = "sha256";

  private static final Duration ABANDONED = Duration.ofDays(1);

  private final Store store;
  private final S3Client client;
  private final AgeKeys keys;
  private final Progress progress;
  private final String step;

  /**
   * Opens a store, without asking it anything.
   *
   * @throws Failure 2 if the settings cannot be used
   */
  public DumpStore(Store store, AgeKeys keys, Progress progress, String step) {
    keys.check();
    this.store = store;
    this.client = store.open();
    this.keys = keys;
    this.progress = progress;
    this.step = step;
    if (store.endpoint().filter(address -> address.startsWith("http:")).isPresent()) {
      progress.line(
          step,
          "warning: %s has no TLS: who is on the way can read what is not encrypted"
              .formatted(store.place()));
    }
  }

  /**
   * Refuses an object that exists, and a bucket that cannot be used, before any work is done.
   *
   * @throws Failure 10 if the object exists
   */
  public void check(ObjectUri to, boolean replace) {
    if (list(to).containsKey(to.key()) && !replace) {
      throw exists(to);
    }
  }

  private Failure exists(ObjectUri to) {
    return Failure.of(ExitCode.REFUSED, to + " already exists")
        .where(store.place())
        .state("it was not changed")
        .next("choose another name; or replace it once the new dump is complete: --replace");
  }

  /** The name that a file has here. */
  String stored(String name) {
    return keys.encrypt() ? AgeKeys.encrypted(name) : name;
  }

  /** The objects whose key begins as this one's, with their sizes in bytes. */
  Map<String, Long> list(ObjectUri prefix) {
    try (var _ = Ongoing.begin(progress, step, "asking %s for what it has".formatted(prefix))) {
      Map<String, Long> sizes = new HashMap<>();
      for (S3Object object :
          client
              .listObjectsV2Paginator(
                  request -> request.bucket(prefix.bucket()).prefix(prefix.key()))
              .contents()) {
        sizes.put(object.key(), object.size());
      }
      return sizes;
    } catch (SdkException e) {
      throw StoreFailures.of(e, "listed", prefix, store).state("nothing was changed");
    }
  }

  /**
   * Stores a dump and the description beside it, and reads them back.
   *
   * @throws Failure 10 if the object exists and is not to be replaced
   */
  public void putDescribed(
      Path dump, BackupDescription description, ObjectUri to, boolean replace) {
    // As in a folder: at no moment is a description beside another's dump.
    ObjectUri beside = to.with(BackupDescription.SUFFIX);
    if (replace) {
      remove(beside);
    }
    put(dump, description.sha256(), to, replace);
    Path file = BackupDescription.path(dump);
    put(file, sha256(file), beside, true);
  }

  /**
   * Stores a file, and reads it back.
   *
   * @param sha256 of the file
   * @return bytes of the object
   * @throws Failure 10 if the file has another SHA-256, or the object exists and is not to be
   *     replaced
   */
  long put(Path file, String sha256, ObjectUri to, boolean replace) {
    MessageDigest read = Sha256.begin();
    MessageDigest sent = Sha256.begin();
    long bytes;
    try {
      long size = Files.size(file);
      Meter meter = new Meter("stored", size);
      try (ObjectUpload upload =
              new ObjectUpload(client, to, Map.of(SHA256, sha256), size, replace);
          var _ = Ongoing.begin(progress, step, meter::text)) {
        try (InputStream in =
                new DigestInputStream(
                    new MeteredInput(
                        Files.newInputStream(file), size, meter, "it lacks %d bytes by now"),
                    read);
            OutputStream out = keys.encrypting(new DigestOutputStream(upload.content(), sent))) {
          in.transferTo(out);
        }
        if (!Sha256.end(read).equals(sha256)) {
          throw Failure.of(
                  ExitCode.REFUSED,
                  "the dump is damaged: its SHA-256 is not the one it was made with")
              .where(file.toString())
              .state("it was not stored")
              .next("see to the disk it is on, and make another dump");
        }
        upload.complete();
        bytes = upload.bytes();
      }
      progress.line(step, meter.summary() + (keys.encrypt() ? ", encrypted, as " : " as ") + to);
    } catch (SdkException e) {
      throw StoreFailures.exists(e)
          ? exists(to)
          : StoreFailures.of(e, "written", to, store).state("nothing was stored");
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    requireSame(to, Sha256.end(sent));
    return bytes;
  }

  /** What is read back is what was sent, whichever checks the store makes. */
  private void requireSame(ObjectUri to, String sha256) {
    MessageDigest digest = Sha256.begin();
    try {
      Opened stored = open(to, "read back");
      try (InputStream in = new DigestInputStream(stored.content(), digest);
          var _ = Ongoing.begin(progress, step, stored.meter()::text)) {
        in.transferTo(OutputStream.nullOutputStream());
      }
      progress.line(step, stored.meter().summary());
    } catch (SdkException e) {
      throw StoreFailures.of(e, "read back", to, store).state("whether it is whole is unknown");
    } catch (IOException e) {
      throw cutOff(to, e).state("whether it is whole is unknown");
    }
    if (!Sha256.end(digest).equals(sha256)) {
      throw Failure.of(
              ExitCode.FAILED,
              "%s differs from what was sent: another command may have written it, or the store is not reliable"
                  .formatted(to))
          .where(store.place())
          .state("it was stored, and is not what it should be")
          .next("run the same command again");
    }
  }

  private Failure cutOff(ObjectUri from, IOException e) {
    return Failure.of(
            ExitCode.FAILED, "%s could not be read to its end: %s".formatted(from, Reason.of(e)))
        .where(store.place())
        .next("run the same command again")
        .causedBy(e);
  }

  private record Opened(InputStream content, Meter meter, Optional<String> sha256) {}

  private Opened open(ObjectUri from, String doing) {
    ResponseInputStream<GetObjectResponse> content =
        client.getObject(request -> request.bucket(from.bucket()).key(from.key()));
    long bytes = content.response().contentLength();
    Meter meter = new Meter(doing, bytes);
    return new Opened(
        new MeteredInput(content, bytes, meter, "%d bytes are missing"),
        meter,
        Optional.ofNullable(content.response().metadata().get(SHA256)));
  }

  /**
   * Fetches a dump and its description, if it has one, and decrypts them.
   *
   * @param folder where they are put; others cannot read it
   * @return the dump
   * @throws Failure 10 if it is encrypted to another key, or is not the one that was stored
   */
  public Path fetch(ObjectUri from, Path folder) {
    Path dump = folder.resolve(AgeKeys.plain(from.name()));
    fetchFile(from, dump);
    ObjectUri beside = from.with(BackupDescription.SUFFIX);
    if (list(beside).containsKey(beside.key())) {
      fetchFile(beside, BackupDescription.path(dump));
    }
    return dump;
  }

  private void fetchFile(ObjectUri from, Path file) {
    MessageDigest digest = Sha256.begin();
    try {
      Opened stored = open(from, "fetched");
      try (InputStream in = keys.decrypting(stored.content());
          OutputStream out =
              new DigestOutputStream(
                  Files.newOutputStream(file, StandardOpenOption.CREATE_NEW), digest);
          var _ = Ongoing.begin(progress, step, stored.meter()::text)) {
        in.transferTo(out);
      } catch (Failure e) {
        throw e.where().isPresent() ? e : e.where(from.toString());
      }
      progress.line(step, stored.meter().summary() + " from " + from);
      if (stored.sha256().filter(known -> !known.equals(Sha256.end(digest))).isPresent()) {
        throw Failure.of(
                ExitCode.REFUSED, "the dump is not the one that was stored: its SHA-256 differs")
            .where(from.toString())
            .state("the database was not changed")
            .next("fetch another dump: " + StoreFailures.listing(from));
      }
    } catch (SdkException e) {
      throw StoreFailures.of(e, "read", from, store).state("the database was not changed");
    } catch (IOException e) {
      throw Reason.of(e).contains("No space left")
          ? Failure.of(ExitCode.FAILED, "there is no room for the dump: " + Reason.of(e))
              .where(file.toString())
              .state("the database was not changed")
              .next("make room there, or name another folder in TMPDIR")
              .causedBy(e)
          : cutOff(from, e).state("the database was not changed");
    }
  }

  /**
   * Removes an object; it need not exist.
   *
   * @throws Failure if that is not allowed
   */
  void remove(ObjectUri object) {
    try {
      client.deleteObject(request -> request.bucket(object.bucket()).key(object.key()));
    } catch (SdkException e) {
      if (!StoreFailures.isMissing(e)) {
        throw StoreFailures.of(e, "removed", object, store).state("it is still there");
      }
    }
  }

  /**
   * Removes parts of objects that nobody completed, such as after a kill, once they are a day old.
   */
  void removeAbandoned(ObjectUri folder) {
    try {
      client
          .listMultipartUploadsPaginator(
              request -> request.bucket(folder.bucket()).prefix(folder.key()))
          .uploads()
          .stream()
          .filter(upload -> upload.initiated().isBefore(Instant.now().minus(ABANDONED)))
          .forEach(upload ->
              client.abortMultipartUpload(request ->
                  request.bucket(folder.bucket()).key(upload.key()).uploadId(upload.uploadId())));
    } catch (SdkException e) {
      progress.line(
          step, "parts of incomplete objects are left to the bucket's own rules: " + Reason.of(e));
    }
  }

  /** SHA-256 of a file. */
  static String sha256(Path file) {
    MessageDigest digest = Sha256.begin();
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
      in.transferTo(OutputStream.nullOutputStream());
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    return Sha256.end(digest);
  }

  private static Failure unreadable(Path file, IOException cause) {
    return Failure.of(ExitCode.FAILED, "the dump cannot be read: " + Reason.of(cause))
        .where(file.toString())
        .state("it was not stored")
        .next("run the same command again")
        .causedBy(cause);
  }

  @Override
  public void close() {
    client.close();
  }
}
