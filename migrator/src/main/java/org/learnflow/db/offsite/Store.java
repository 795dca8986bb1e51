package org.learnflow.db.offsite;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;
import org.learnflow.db.certificates.Pem;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/**
 * Where buckets are, and who asks for them: what AWS's own tools read from the environment and from
 * profiles.
 *
 * @param environment the process's variables
 * @param attempts for each request; between them are pauses that grow from 0.1 to 20 s
 */
public record Store(Map<String, String> environment, int attempts) {
  private static final Duration CONNECT = Duration.ofSeconds(10);
  private static final Duration SILENCE = Duration.ofSeconds(60);

  /** A region that every other store takes, and that requests are signed for. */
  private static final Region ANY = Region.US_EAST_1;

  /** The address of another store than AWS's. */
  Optional<String> endpoint() {
    return first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  }

  /** Where it is, for messages. */
  String place() {
    return endpoint().orElse("AWS");
  }

  /**
   * Opens it, without asking it anything.
   *
   * @throws Failure 2 if the settings cannot be used
   */
  S3Client open() {
    try {
      UrlConnectionHttpClient.Builder http =
          UrlConnectionHttpClient.builder().connectionTimeout(CONNECT).socketTimeout(SILENCE);
      authority().ifPresent(trusted -> http.tlsTrustManagersProvider(() -> trusted));
      S3ClientBuilder client =
          S3Client.builder()
              .httpClientBuilder(http)
              .credentialsProvider(credentials())
              .overrideConfiguration(
                  settings -> settings.retryStrategy(retries -> retries.maxAttempts(attempts)))
              // Other stores do not know these checksums; every object is read back anyway.
              .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
              .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED);
      endpoint().ifPresent(address -> client.endpointOverride(uri(address)).forcePathStyle(true));
      first("AWS_REGION", "AWS_DEFAULT_REGION")
          .map(Region::of)
          .or(() -> endpoint().map(_ -> ANY))
          .ifPresent(client::region);
      return client.build();
    } catch (SdkException e) {
      throw unusable(String.valueOf(e.getMessage()))
          .next("set AWS_REGION, or AWS_ENDPOINT_URL_S3 for a store that is not AWS's")
          .causedBy(e);
    }
  }

  private AwsCredentialsProvider credentials() {
    Optional<String> key = first("AWS_ACCESS_KEY_ID");
    Optional<String> secret = first("AWS_SECRET_ACCESS_KEY");
    if (key.isEmpty() || secret.isEmpty()) {
      return DefaultCredentialsProvider.builder().build();
    }
    return StaticCredentialsProvider.create(
        first("AWS_SESSION_TOKEN")
            .<AwsCredentials>map(
                token -> AwsSessionCredentials.create(key.get(), secret.get(), token))
            .orElseGet(() -> AwsBasicCredentials.create(key.get(), secret.get())));
  }

  private static URI uri(String address) {
    if (!address.matches("https?://[^/?#@\\s]+/?")) {
      throw unusable("the store's address is https://HOST or https://HOST:PORT, not " + address)
          .next("correct AWS_ENDPOINT_URL_S3");
    }
    return URI.create(address);
  }

  private Optional<TrustManager[]> authority() {
    return first("AWS_CA_BUNDLE").map(Path::of).map(Store::trusting);
  }

  private static TrustManager[] trusting(Path file) {
    try {
      List<X509Certificate> certificates = Pem.certificates(WholeFile.CERTIFICATES.text(file));
      if (certificates.isEmpty()) {
        throw new IOException("it contains no certificate");
      }
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      for (X509Certificate certificate : certificates) {
        store.setCertificateEntry("authority-" + store.size(), certificate);
      }
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(store);
      return factory.getTrustManagers();
    } catch (IOException | GeneralSecurityException e) {
      throw unusable("the authority's certificate cannot be read: " + Reason.of(e))
          .where(file.toString())
          .next("set AWS_CA_BUNDLE to a file with certificates in PEM")
          .causedBy(e);
    }
  }

  private static Failure unusable(String what) {
    return Failure.of(ExitCode.USAGE, what).state("nothing was changed");
  }

  private Optional<String> first(String... names) {
    return Stream.of(names)
        .map(name -> environment.getOrDefault(name, ""))
        .filter(value -> !value.isEmpty())
        .findFirst();
  }
}
