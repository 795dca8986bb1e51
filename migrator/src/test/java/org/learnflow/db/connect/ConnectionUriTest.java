package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;

/** Connection URIs are read as libpq reads them; one that cannot be used is never repeated. */
class ConnectionUriTest {

  @ParameterizedTest
  @CsvSource({
    "postgresql://u@h/d, h, 5432, d, u",
    "postgres://u@h:6543/d, h, 6543, d, u",
    "postgresql://u@[::1]:6543/d, ::1, 6543, d, u",
    "postgresql://u@[fe80::1%25eth0]/d, fe80::1%25eth0, 5432, d, u",
    "postgresql://own%65r%40x@h/my%20d%2Fb%C3%A4, h, 5432, my d/bä, owner@x",
    "postgresql://a+b@h/c+d, h, 5432, c+d, a+b",
    "postgresql://u@h/d?, h, 5432, d, u",
    "postgresql://u@h/d?&sslmode=prefer&, h, 5432, d, u",
  })
  void hostPortDatabaseAndUserAreRead(
      String uri, String host, int port, String database, String user) {
    assertThat(ConnectionUri.parse(uri, "--database"))
        .isEqualTo(
            new ConnectionUri(
                new DatabaseAddress(host, port, database, user, SslMode.DEFAULT, Optional.empty()),
                Optional.empty()));
  }

  @Test
  void aPasswordIsDecodedAndAnEmptyOneIsNone() {
    assertThat(ConnectionUri.parse("postgresql://u:p%40%2F%3a+%C3%A4@h/d", "x").password())
        .contains(new Password("p@/:+ä"));
    assertThat(ConnectionUri.parse("postgresql://u:@h/d", "x").password()).isEmpty();
  }

  @Test
  void sslmodeAndSslrootcertAreRead() {
    DatabaseAddress address =
        ConnectionUri.parse(
                "postgresql://u@h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.crt", "x")
            .address();
    assertThat(address.sslMode()).isEqualTo(SslMode.VERIFY_FULL);
    assertThat(address.rootCertificate()).contains(Path.of("/etc/ca.crt"));
  }

  @Test
  void theAddressIsShownEncodedAndWithoutThePassword() {
    assertThat(ConnectionUri.parse("postgresql://a%40b:secret@[::1]/x%2Fy", "x").address())
        .hasToString("postgresql://a%40b@[::1]:5432/x%2Fy");
  }

  /** In each, "secret" stands where somebody may have put a password. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "secret",
        "mysql://u:secret@h/d",
        "postgresql:/u:secret@h/d",
        "postgresql://u:secret",
        "postgresql://u:secret@h",
        "postgresql://u:secret@h/",
        "postgresql://:secret@h/d",
        "postgresql://u:secret@/d",
        "postgresql://u:secret@h:0/d",
        "postgresql://u:secret@h:65536/d",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:se@cret@h/d",
        "postgresql://u:1/secret@h/d",
        "postgresql://u:1?secret@h/d",
        "postgresql://u:p@h/d?secret@h/d",
        "postgresql://u:p@h/d?secret=x",
        "postgresql://u:p@h/d?sslmode=secret",
        "postgresql://u@h/d?password=secret",
        "postgresql://u@h/d?sslrootcert=secret%00",
        "postgresql://u:%zzsecret@h/d",
        "postgresql://u:secret%f@h/d",
        "postgresql://u:secret%ff@h/d",
        "postgresql://u:secret%00@h/d",
        "postgresql://u:secret@h1,h2/d",
        "postgresql://u:secret@%2Fvar%2Frun/d",
        "postgresql://u:secret@[::1/d",
        "postgresql://u:sec ret@ h/d ?x",
        "host=h dbname=d user=u password=secret",
        "jdbc:postgresql://h/d?user=u&password=secret",
      })
  void aUriThatCannotBeUsedIsAUsageErrorThatDoesNotRepeatIt(String uri) {
    Failure failure =
        catchThrowableOfType(Failure.class, () -> ConnectionUri.parse(uri, "DATABASE_URL"));
    assertThat(failure.code()).isEqualTo(ExitCode.USAGE);
    assertThat(failure.text())
        .startsWith("error: DATABASE_URL cannot be used: ")
        .contains("next:  give it as postgresql://USER@HOST:PORT/DATABASE")
        .doesNotContain("secret", "cret", "se@");
  }
}
