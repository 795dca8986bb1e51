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

  /** All of libpq's, PostgreSQL 18; with what is refused, and why. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          host=x |
          hostaddr=1.2.3.4 | specify the address as host
          port=1 |
          dbname=x |
          user=x |
          passfile=x | --password-file
          require_auth=scram-sha-256 | cannot be restricted
          channel_binding=require |
          connect_timeout=10 |
          client_encoding=utf8 |
          client_encoding=LATIN1 | UTF8
          options=-csearch_path%3Dx | sets its own
          application_name=x |
          fallback_application_name=x |
          keepalives=1 |
          keepalives_idle=1 |
          keepalives_interval=1 |
          keepalives_count=1 |
          tcp_user_timeout=1 |
          replication=database | replication
          gssencmode=prefer |
          gssencmode=require | GSSAPI
          sslmode=require |
          requiressl=1 | sslmode=require
          sslnegotiation=postgres |
          sslnegotiation=direct | standard TLS negotiation
          sslcompression=0 |
          sslcert=x | not with a certificate
          sslkey=x | not with a certificate
          sslkeylogfile=x |
          sslpassword=x | not with a certificate
          sslcertmode=require | no certificate of its own
          sslrootcert=/x |
          sslcrl=x | revocation
          sslcrldir=x | revocation
          sslsni=1 |
          requirepeer=x | Unix sockets
          ssl_min_protocol_version=TLSv1.2 |
          ssl_min_protocol_version=TLSv1.3 | TLS 1.2 is the minimum
          ssl_max_protocol_version=TLSv1.2 | newest TLS
          min_protocol_version=3.2 | protocol 3.0
          max_protocol_version=latest |
          krbsrvname=x |
          gsslib=x |
          gssdelegation=0 |
          scram_client_key=x | SCRAM
          scram_server_key=x | SCRAM
          service=x | service file
          servicefile=x | service file
          target_session_attrs=read-write |
          target_session_attrs=prefer-standby | the primary
          load_balance_hosts=disable |
          oauth_issuer=x | OAuth
          oauth_client_id=x | OAuth
          oauth_client_secret=x | OAuth
          oauth_scope=x | OAuth
          """)
  void everyParameterOfLibpqIsTakenOrRefusedByName(String parameter, String refused) {
    String uri = "postgresql://u@h/d?" + parameter;
    if (refused == null) {
      assertThat(ConnectionUri.parse(uri, "DATABASE_URL").password()).isEmpty();
      return;
    }
    Failure failure =
        catchThrowableOfType(Failure.class, () -> ConnectionUri.parse(uri, "DATABASE_URL"));
    assertThat(failure.code()).isEqualTo(ExitCode.USAGE);
    assertThat(failure.what())
        .contains(
            "its parameter " + parameter.replaceFirst("=.*", "") + " is not supported: ", refused);
  }

  @Test
  void parametersStandInPlaceOfParts() {
    DatabaseAddress address =
        ConnectionUri.parse(
                "postgresql:///?host=h&port=6543&dbname=d&user=u&channel_binding=require", "x")
            .address();
    assertThat(address).hasToString("postgresql://u@h:6543/d");
    assertThat(address.as("o").in("x").channelBinding()).contains("require");
    for (String hosts : java.util.List.of("a,b/d", "a:1,b:2/d", "/d?host=a,b")) {
      assertThat(
              catchThrowableOfType(
                      Failure.class, () -> ConnectionUri.parse("postgresql://u@" + hosts, "x"))
                  .what())
          .contains("several hosts");
    }
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
        .contains("next:  use the form postgresql://USER@HOST:PORT/DATABASE")
        .doesNotContain("secret", "cret", "se@");
  }
}
