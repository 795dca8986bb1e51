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
    assertThat(authorities.flaw(server, NAMES, false, now)).isEmpty();
    assertThat(authorities.flaw(server, NAMES, false, after(Duration.ofDays(242)))).isEmpty();
    assertThat(authorities.flaw(server, NAMES, false, after(Duration.ofDays(245)))).isPresent();
    assertThat(authorities.flaw(server, NAMES, false, after(Duration.ofDays(400)))).isPresent();
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
        assertThat(authorities.flaw(pair, NAMES, false, now))
            .hasValueSatisfying(text -> assertThat(text).contains(why)));
    for (Pair broken :
        List.of(
            new Pair("", ""),
            new Pair(server.certificate(), ""),
            new Pair("nonsense", server.key()),
            new Pair(server.certificate(), "nonsense"))) {
      assertThat(authorities.flaw(broken, NAMES, false, now)).isPresent();
    }
  }

  @Test
  void aRotationKeepsBothAuthoritiesForAWhile() {
    Authorities begun = authorities.step(Optional.of(server), true, now);
    assertThat(begun.current()).isEqualTo(authorities.current());
    assertThat(Pem.certificates(begun.bundle())).hasSize(2);
    assertThat(begun.flaw(server, NAMES, false, now)).isEmpty();
    assertThat(begun.step(Optional.of(server), false, after(Duration.ofDays(29)))).isEqualTo(begun);

    Instant later = after(Duration.ofDays(31));
    Authorities signing = begun.step(Optional.of(server), false, later);
    assertThat(Optional.of(signing.current())).isEqualTo(begun.next());
    assertThat(Pem.certificates(signing.bundle())).hasSize(2);
    assertThat(signing.flaw(server, NAMES, false, later)).contains("its authority was replaced");
    Pair renewed = signing.issue(NAMES, later);
    assertThat(signing.flaw(renewed, NAMES, false, later)).isEmpty();
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
    assertThat(made.flaw(server, NAMES, false, now)).isEmpty();
    assertThat(made.flaw(server, NAMES, false, after(Duration.ofDays(31)))).isPresent();
  }

  @Test
  void whatClientsNeverGotIsReplacedBeforeItSigns() {
    Optional<Pair> shown = Optional.of(server);
    Authorities begun = authorities.step(shown, true, now);
    Instant later = after(Duration.ofDays(31));
    assertThat(begun.untilDistributed(shown, begun.bundle(), later)).isEqualTo(begun);
    assertThat(begun.untilDistributed(shown, authorities.bundle(), after(Duration.ofMinutes(4))))
        .isEqualTo(begun);
    Authorities again = begun.untilDistributed(shown, authorities.bundle(), later);
    assertThat(again.current()).isEqualTo(begun.current());
    assertThat(again.next()).isPresent().isNotEqualTo(begun.next());
    assertThat(again.step(shown, false, later)).isEqualTo(again);

    Authorities lost = Authorities.create(Optional.of(authorities.bundle()), now);
    assertThat(lost.untilDistributed(shown, authorities.bundle(), later).current())
        .isNotEqualTo(lost.current());
    assertThat(lost.untilDistributed(shown, lost.bundle(), later)).isEqualTo(lost);
    assertThat(authorities.untilDistributed(shown, "", later)).isEqualTo(authorities);
    assertThat(authorities.untilDistributed(Optional.empty(), "other", later))
        .isEqualTo(authorities);
  }

  /** The authority signs already, but the server has a certificate by the previous one. */
  @Test
  void aRequestFinishesARotationBeforeItBeginsAnother() {
    Optional<Pair> shown = Optional.of(server);
    Authorities signing = authorities.step(shown, true, now).step(shown, true, now);
    assertThat(signing.isUnfinished(shown)).isTrue();
    assertThat(signing.step(shown, true, now)).isEqualTo(signing);
    assertThat(signing.flaw(server, NAMES, false, now)).isEmpty();
    assertThat(signing.flaw(server, NAMES, true, now)).contains("its authority was replaced");
    assertThat(signing.rotating(shown)).contains(now);
    Optional<Pair> renewed = Optional.of(signing.issue(NAMES, now));
    assertThat(signing.isUnfinished(renewed)).isFalse();
    assertThat(signing.rotating(renewed)).isEmpty();
    assertThat(signing.step(renewed, true, now).next()).isPresent();
  }

  @Test
  void noKeyIsShown() {
    assertThat(authorities.toString() + server).doesNotContain("PRIVATE");
  }
}
