package org.learnflow.db.offsite;

import java.io.ByteArrayInputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/**
 * An object that appears in its bucket when {@link #complete} is called, whole; otherwise nothing
 * does. Holds one part in memory.
 */
final class ObjectUpload implements AutoCloseable {
  private static final int LEAST_PART = 8 << 20;

  /** S3 takes 10,000 parts; a few are left for what encryption adds. */
  private static final int PARTS = 9_900;

  private final S3Client client;
  private final ObjectUri uri;
  private final Map<String, String> metadata;
  private final boolean replace;
  private final byte[] part;
  private final List<CompletedPart> parts = new ArrayList<>();
  private int filled;
  private long bytes;
  private @Nullable String upload;

  /**
   * Begins it.
   *
   * @param size of the object in bytes, about
   * @param replace whether an existing object is replaced
   */
  ObjectUpload(
      S3Client client, ObjectUri uri, Map<String, String> metadata, long size, boolean replace) {
    this.client = client;
    this.uri = uri;
    this.metadata = metadata;
    this.replace = replace;
    this.part = new byte[Math.toIntExact(Math.max(LEAST_PART, size / PARTS + 1))];
  }

  /** Where its content is written. Closing it has no effect. */
  OutputStream content() {
    return new OutputStream() {
      @Override
      public void write(int value) {
        write(new byte[] {(byte) value}, 0, 1);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) {
        int written = 0;
        while (written < length) {
          if (filled == part.length) {
            send();
          }
          int room = Math.min(part.length - filled, length - written);
          System.arraycopy(bytes, offset + written, part, filled, room);
          filled += room;
          ObjectUpload.this.bytes += room;
          written += room;
        }
      }
    };
  }

  /** Bytes that were written. */
  long bytes() {
    return bytes;
  }

  /** Makes the object from what was written. */
  void complete() {
    String open = upload;
    if (open == null) {
      client.putObject(
          request -> {
            request.bucket(uri.bucket()).key(uri.key()).metadata(metadata);
            if (!replace) {
              request.ifNoneMatch("*");
            }
          },
          body());
      return;
    }
    send();
    client.completeMultipartUpload(request -> {
      request
          .bucket(uri.bucket())
          .key(uri.key())
          .uploadId(open)
          .multipartUpload(all -> all.parts(parts));
      if (!replace) {
        request.ifNoneMatch("*");
      }
    });
    upload = null;
  }

  private void send() {
    if (upload == null) {
      upload =
          client
              .createMultipartUpload(
                  request -> request.bucket(uri.bucket()).key(uri.key()).metadata(metadata))
              .uploadId();
    }
    int number = parts.size() + 1;
    String open = upload;
    String tag =
        client
            .uploadPart(
                request ->
                    request.bucket(uri.bucket()).key(uri.key()).uploadId(open).partNumber(number),
                body())
            .eTag();
    parts.add(CompletedPart.builder().partNumber(number).eTag(tag).build());
    filled = 0;
  }

  /** Can be read again for another attempt, without a copy. */
  private RequestBody body() {
    return RequestBody.fromInputStream(new ByteArrayInputStream(part, 0, filled), filled);
  }

  /** Removes the parts of an object that is not complete. */
  @Override
  public void close() {
    String open = upload;
    if (open == null) {
      return;
    }
    try {
      client.abortMultipartUpload(
          request -> request.bucket(uri.bucket()).key(uri.key()).uploadId(open));
    } catch (SdkException e) {
      // The next copy removes them when they are a day old.
    }
  }
}
