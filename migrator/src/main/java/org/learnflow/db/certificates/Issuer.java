package org.learnflow.db.certificates;

import java.math.BigInteger;
import java.net.InetAddress;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;

/**
 * Issues certificates with keys on the curve P-256. Source: RFC 5280.
 *
 * <p>Written with java.base alone. Bouncy Castle is the library for this, but its 10.3 MB would be
 * a third of the program's libraries, would be read at each start of a hook and be part of the AOT
 * cache, for two kinds of certificates with fixed fields. The JDK's own classes that write
 * certificates are internal, and keytool needs 2.4 s and a file. What is written here is checked by
 * {@code openssl verify -x509_strict} in the tests.
 */
final class Issuer {
  /** Clocks of nodes differ; a certificate is valid on one that is late. */
  static final Duration CLOCK_SKEW = Duration.ofDays(1);

  static final Duration AUTHORITY_LIFE = Duration.ofDays(3650);
  static final Duration SERVER_LIFE = Duration.ofDays(365);
  static final String SIGNATURE = "SHA256withECDSA";

  private static final String ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
  private static final SecureRandom RANDOM = new SecureRandom();

  private Issuer() {}

  /** A new authority, which no other has the name of. */
  static Pair authority(Instant now) {
    KeyPair keys = keys();
    byte[] id = keyId(keys.getPublic().getEncoded());
    byte[] name = name("learnflow-db authority " + HexFormat.of().formatHex(id, 0, 8));
    byte[] extensions =
        Der.sequence(
            extension("2.5.29.19", true, Der.sequence(Der.yes(), Der.integer(BigInteger.ZERO))),
            // keyCertSign and cRLSign
            extension("2.5.29.15", true, Der.bits(1, new byte[] {0x06})),
            extension("2.5.29.14", false, Der.octets(id)),
            authorityKey(id));
    return pair(now, now.plus(AUTHORITY_LIFE), name, name, keys, keys.getPrivate(), extensions);
  }

  /** A new server's certificate with a new key, not valid longer than its authority. */
  static Pair server(Pair authority, Collection<String> names, Instant now) {
    KeyPair keys = keys();
    X509Certificate issuer = authority.read().orElseThrow();
    Instant end = now.plus(SERVER_LIFE);
    Instant last = issuer.getNotAfter().toInstant();
    byte[] extensions =
        Der.sequence(
            extension("2.5.29.19", true, Der.sequence()),
            // digitalSignature
            extension("2.5.29.15", true, Der.bits(7, new byte[] {(byte) 0x80})),
            // serverAuth
            extension("2.5.29.37", false, Der.sequence(Der.identifier("1.3.6.1.5.5.7.3.1"))),
            extension("2.5.29.14", false, Der.octets(keyId(keys.getPublic().getEncoded()))),
            authorityKey(keyId(issuer.getPublicKey().getEncoded())),
            extension("2.5.29.17", false, alternativeNames(names)));
    return pair(
        now,
        end.isBefore(last) ? end : last,
        issuer.getSubjectX500Principal().getEncoded(),
        name("PostgreSQL"),
        keys,
        Pem.privateKey(authority.key()).orElseThrow(),
        extensions);
  }

  private static Pair pair(
      Instant now,
      Instant end,
      byte[] issuer,
      byte[] subject,
      KeyPair keys,
      PrivateKey signing,
      byte[] extensions) {
    byte[] algorithm = Der.sequence(Der.identifier(ECDSA_WITH_SHA256));
    byte[] content =
        Der.sequence(
            Der.context(0, true, Der.integer(BigInteger.TWO)), // version 3
            Der.integer(new BigInteger(126, RANDOM).setBit(126)),
            algorithm,
            issuer,
            Der.sequence(
                Der.time(now.minus(CLOCK_SKEW).truncatedTo(ChronoUnit.SECONDS)), Der.time(end)),
            subject,
            keys.getPublic().getEncoded(),
            Der.context(3, true, extensions));
    byte[] certificate = Der.sequence(content, algorithm, Der.bits(0, signature(content, signing)));
    return new Pair(Pem.text("CERTIFICATE", certificate), Pem.key(keys.getPrivate()));
  }

  private static byte[] extension(String id, boolean critical, byte[] value) {
    return critical
        ? Der.sequence(Der.identifier(id), Der.yes(), Der.octets(value))
        : Der.sequence(Der.identifier(id), Der.octets(value));
  }

  private static byte[] authorityKey(byte[] id) {
    return extension("2.5.29.35", false, Der.sequence(Der.context(0, false, id)));
  }

  private static byte[] name(String commonName) {
    return Der.sequence(Der.set(Der.sequence(Der.identifier("2.5.4.3"), Der.text(commonName))));
  }

  private static byte[] alternativeNames(Collection<String> names) {
    List<byte[]> all = new ArrayList<>();
    for (String name : names) {
      all.add(
          isAddress(name)
              ? Der.context(7, false, InetAddress.ofLiteral(name).getAddress())
              : Der.context(2, false, name.getBytes(java.nio.charset.StandardCharsets.US_ASCII)));
    }
    return Der.sequence(all.toArray(byte[][]::new));
  }

  private static boolean isAddress(String name) {
    return name.contains(":") || name.matches("[0-9]+(\\.[0-9]+){3}");
  }

  private static KeyPair keys() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"), RANDOM);
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] signature(byte[] content, PrivateKey key) {
    try {
      Signature signature = Signature.getInstance(SIGNATURE);
      signature.initSign(key);
      signature.update(content);
      return signature.sign();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** 160 bits of a hash of the key. Source: RFC 7093, 2, method 1. */
  private static byte[] keyId(byte[] publicKey) {
    try {
      return java.util.Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest(publicKey), 20);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
