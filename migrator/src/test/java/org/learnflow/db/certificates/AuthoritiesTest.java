package org.learnflow.db.certificates;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestFiles;

/** What the authority signs, as openssl sees it, and when it signs something else. */
class AuthoritiesTest {
  private static final List<String> NAMES =
      List.of("postgres", "postgres.ns.svc.cluster.local", "localhost", "127.0.0.1", "::1");
  private final Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);

  private final Authorities authorities = Authorities.create(Optional.empty(), now);
  private final Pair server = authorities.issue(NAMES, now);

  private static CliResult openssl(String... arguments) {
    return Programs.run(
        Map.of(),
        java.util.stream.Stream.concat(
                java.util.stream.Stream.of("openssl"), List.of(arguments).stream())
            .toList());
  }

  private Instant after(Duration time) {
    return now.plus(time);
  }

  @Test
  void opensslAcceptsEveryNameStrictly(@TempDir Path folder) {
    assumeTrue(Programs.onPath("openssl"), "there is no openssl");
    String ca = TestFiles.write(folder.resolve("ca.crt"), authorities.bundle()).toString();
    String crt = TestFiles.write(folder.resolve("tls.crt"), server.certificate()).toString();
    for (String name : NAMES) {
      boolean address = name.contains(":") || name.startsWith("127");
      CliResult verified =
          openssl(
              "verify",
              "-x509_strict",
              "-purpose",
              "sslserver",
              address ? "-verify_ip" : "-verify_hostname",
              name,
              "-CAfile",
              ca,
              crt);
      assertThat(verified.exitCode()).as(name + verified.all()).isZero();
    }
    assertThat(
            openssl("verify", "-x509_strict", "-verify_hostname", "other", "-CAfile", ca, crt)
                .exitCode())
        .isNotZero();
    assertThat(
            openssl(
                    "verify",
                    "-attime",
                    String.valueOf(after(Duration.ofHours(-2)).getEpochSecond()),
                    "-CAfile",
                    ca,
                    crt)
                .exitCode())
        .as("a clock that is two hours late")
        .isZero();
    TestFiles.write(folder.resolve("tls.key"), server.key());
    assertThat(openssl("pkey", "-in", folder.resolve("tls.key").toString(), "-noout").exitCode())
        .isZero();
  }

  @Test
  void datesFrom2050OnAreWrittenWithFourDigits() {
    Authorities late = Authorities.create(Optional.empty(), Instant.parse("2049-06-01T00:00:00Z"));
    assertThat(late.current().end()).isEqualTo(Instant.parse("2059-05-30T00:00:00Z"));
  }

  @Test
  void aServersCertificateDoesNotOutliveItsAuthority() {
    Pair last = authorities.issue(NAMES, after(Duration.ofDays(3600)));
    assertThat(last.end()).isEqualTo(authorities.current().end());
  }

  @Test
  void aCertificateIsRenewedWhenLessThanAThirdOfItsLifeIsLeft() {
    assertThat(authorities.flaw(server, NAMES, now)).isEmpty();
    assertThat(authorities.flaw(server, NAMES, after(Duration.ofDays(242)))).isEmpty();
    assertThat(authorities.flaw(server, NAMES, after(Duration.ofDays(245)))).isPresent();
    assertThat(authorities.flaw(server, NAMES, after(Duration.ofDays(400)))).isPresent();
  }

  @Test
  void aCertificateThatCannotServeIsRenewed() {
    Pair other = authorities.issue(NAMES, now);
    assertThat(other.key()).isNotEqualTo(server.key());
    Map<String, Pair> flawed =
        Map.of(
            "belong together", new Pair(server.certificate(), other.key()),
            "a name", authorities.issue(List.of("postgres"), now),
            "another authority", Authorities.create(Optional.empty(), now).issue(NAMES, now),
            "life", authorities.issue(NAMES, after(Duration.ofDays(3))));
    flawed.forEach((why, pair) ->
        assertThat(authorities.flaw(pair, NAMES, now))
            .hasValueSatisfying(text -> assertThat(text).contains(why)));
    for (Pair broken :
        List.of(
            new Pair("", ""),
            new Pair(server.certificate(), ""),
            new Pair("nonsense", server.key()),
            new Pair(server.certificate(), "nonsense"))) {
      assertThat(authorities.flaw(broken, NAMES, now)).isPresent();
    }
  }

  @Test
  void aRotationKeepsBothAuthoritiesForAWhile() {
    Authorities begun = authorities.step(Optional.of(server), true, now);
    assertThat(begun.current()).isEqualTo(authorities.current());
    assertThat(Pem.certificates(begun.bundle())).hasSize(2);
    assertThat(begun.flaw(server, NAMES, now)).isEmpty();
    assertThat(begun.step(Optional.of(server), false, after(Duration.ofDays(29)))).isEqualTo(begun);

    Instant later = after(Duration.ofDays(31));
    Authorities signing = begun.step(Optional.of(server), false, later);
    assertThat(Optional.of(signing.current())).isEqualTo(begun.next());
    assertThat(Pem.certificates(signing.bundle())).hasSize(2);
    assertThat(signing.flaw(server, NAMES, later)).contains("its authority was replaced");
    Pair renewed = signing.issue(NAMES, later);
    assertThat(signing.flaw(renewed, NAMES, later)).isEmpty();
    assertThat(signing.step(Optional.of(renewed), false, after(Duration.ofDays(50))))
        .isEqualTo(signing);

    Authorities ended = signing.step(Optional.of(renewed), false, after(Duration.ofDays(62)));
    assertThat(Pem.certificates(ended.bundle())).hasSize(1);
  }

  @Test
  void aRotationBeginsWhenLessThanAThirdOfTheAuthoritysLifeIsLeft() {
    assertThat(authorities.step(Optional.of(server), false, after(Duration.ofDays(2430))).next())
        .isEmpty();
    assertThat(authorities.step(Optional.of(server), false, after(Duration.ofDays(2440))).next())
        .isPresent();
  }

  /** Its key cannot be had again, but clients know its certificate. */
  @Test
  void afterALostAuthorityTheServersCertificateServesUntilClientsKnowTheNewOne() {
    Authorities made = Authorities.create(Optional.of(authorities.bundle()), now);
    assertThat(made.flaw(server, NAMES, now)).isEmpty();
    assertThat(made.flaw(server, NAMES, after(Duration.ofDays(31)))).isPresent();
  }

  @Test
  void noKeyIsShown() {
    assertThat(authorities.toString() + server).doesNotContain("PRIVATE");
  }
}
