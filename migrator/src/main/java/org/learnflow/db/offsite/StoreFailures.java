package org.learnflow.db.offsite;

import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Optional;
import javax.net.ssl.SSLException;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Explains what a store answers, or why it does not. */
final class StoreFailures {
  private static final int MOVED = 301;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;
  private static final int EXISTS = 412;
  private static final int FULL = 507;

  private StoreFailures() {}

  /**
   * Why something could not be done.
   *
   * @param doing such as {@code written}
   */
  static Failure of(SdkException e, String doing, ObjectUri uri, Store store) {
    Failure failure =
        e instanceof S3Exception answer ? answered(answer, uri, store) : unanswered(e, store);
    return failure
        .what("%s cannot be %s: %s".formatted(uri, doing, failure.what()))
        .where(store.place())
        .causedBy(e);
  }

  /** Whether an object with this key exists already, and was to be created. */
  static boolean exists(SdkException e) {
    return e instanceof S3Exception answer && answer.statusCode() == EXISTS;
  }

  /** Whether there is no such object, or no such bucket. */
  static boolean isMissing(SdkException e) {
    return e instanceof S3Exception answer && answer.statusCode() == NOT_FOUND;
  }

  /** The command that lists a bucket. */
  static String listing(ObjectUri uri) {
    return "aws s3 ls s3://%s/".formatted(uri.bucket());
  }

  private static Failure answered(S3Exception answer, ObjectUri uri, Store store) {
    String code =
        Optional.ofNullable(answer.awsErrorDetails())
            .map(details -> Optional.ofNullable(details.errorCode()).orElse(""))
            .orElse("");
    String said =
        Optional.ofNullable(answer.awsErrorDetails())
            .map(details -> Optional.ofNullable(details.errorMessage()).orElse(""))
            .filter(text -> !text.isEmpty())
            .orElse("HTTP status " + answer.statusCode());
    return switch (code) {
      case "NoSuchBucket" ->
          Failure.of(ExitCode.FAILED, "there is no bucket " + uri.bucket())
              .next("create the bucket, or correct its name");
      case "NoSuchKey" ->
          Failure.of(ExitCode.FAILED, "there is no such object")
              .next("see what there is: " + listing(uri));
      case "InvalidAccessKeyId",
          "SignatureDoesNotMatch",
          "ExpiredToken",
          "InvalidToken",
          "XAdminUserNotFound" ->
          Failure.of(ExitCode.CREDENTIALS_REFUSED, "the store rejects the credentials: " + said)
              .next(
                  "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; in a release the Secret"
                      + " backup.offsite.existingSecret");
      case "RequestTimeTooSkewed", "RequestExpired" ->
          Failure.of(
                  ExitCode.FAILED,
                  "this machine's clock differs too much from the store's: " + said)
              .next("set the clock, and run the same command again");
      case "AuthorizationHeaderMalformed",
          "PermanentRedirect",
          "IllegalLocationConstraintException" ->
          otherRegion(said);
      case "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "ServiceQuotaExceeded" ->
          full(said);
      default -> byStatus(answer, code, said, uri, store);
    };
  }

  private static Failure byStatus(
      S3Exception answer, String code, String said, ObjectUri uri, Store store) {
    if (said.toLowerCase(Locale.ROOT).matches(".*(no space left|quota).*")) {
      return full(said);
    }
    return switch (answer.statusCode()) {
      case FORBIDDEN ->
          Failure.of(
                  ExitCode.CREDENTIALS_REFUSED,
                  "the store does not allow it to these credentials: " + said)
              .next(
                  "allow them s3:ListBucket, s3:GetObject and s3:PutObject in %s, and"
                          .formatted(uri.bucket())
                      + " s3:DeleteObject where dumps are to be removed");
      case NOT_FOUND ->
          Failure.of(
                  ExitCode.FAILED,
                  "there is no such bucket or object: %s %s".formatted(code, said).strip())
              .next("see what there is: " + listing(uri));
      case MOVED -> otherRegion(said);
      case FULL -> full(said);
      default ->
          Failure.of(
                  ExitCode.FAILED,
                  "the store answers %s%s".formatted(code.isEmpty() ? "" : code + ": ", said))
              .next("look into the log of the store at " + store.place());
    };
  }

  private static Failure otherRegion(String said) {
    return Failure.of(ExitCode.FAILED, "the bucket is in another region: " + said)
        .next("set AWS_REGION to the bucket's region; in a release backup.offsite.region");
  }

  private static Failure full(String said) {
    return Failure.of(ExitCode.FAILED, "the bucket is full: " + said)
        .next("make room in the bucket, or raise its quota, and run the same command again");
  }

  private static Failure unanswered(SdkException e, Store store) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      Optional<Failure> found =
          switch (cause) {
            case UnknownHostException _ ->
                Optional.of(
                    Failure.of(ExitCode.FAILED, "no such host as " + cause.getMessage())
                        .next("correct AWS_ENDPOINT_URL_S3; in a release backup.offsite.endpoint"));
            case SSLException _ ->
                Optional.of(
                    Failure.of(
                            ExitCode.FAILED, "its certificate is not trusted: " + Reason.of(cause))
                        .next(
                            "set AWS_CA_BUNDLE to the authority's certificate; in a release"
                                + " backup.offsite.ca"));
            case ConnectException _, SocketTimeoutException _ ->
                Optional.of(
                    Failure.of(ExitCode.FAILED, "the store does not answer: " + Reason.of(cause))
                        .next(
                            "see that %s can be reached from here: the address, and network policies"
                                .formatted(store.place())));
            default -> Optional.<Failure>empty();
          };
      if (found.isPresent()) {
        return found.get();
      }
    }
    String said = String.valueOf(e.getMessage());
    return said.contains("credentials")
        ? Failure.of(ExitCode.USAGE, "there are no credentials for the bucket")
            .next(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; in a release"
                    + " backup.offsite.existingSecret or backup.offsite.serviceAccount")
        : Failure.of(ExitCode.FAILED, Reason.of(e)).next("run the same command again");
  }
}
