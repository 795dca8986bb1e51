package org.learnflow.db.certificates;

import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * A certificate with its private key, both PEM.
 *
 * @param certificate not secret
 * @param key PKCS #8, secret
 */
public record Pair(String certificate, String key) {
  private static final int DNS = 2;
  private static final int ADDRESS = 7;

  /** The certificate, read; empty if the text is not exactly one certificate. */
  Optional<X509Certificate> read() {
    List<X509Certificate> found = Pem.certificates(certificate);
    return found.size() == 1 ? Optional.of(found.getFirst()) : Optional.empty();
  }

  /** Whether certificate and key can be read and belong together. */
  boolean fits() {
    Optional<PublicKey> theirs = read().map(X509Certificate::getPublicKey);
    Optional<PrivateKey> ours = Pem.privateKey(key);
    return theirs.isPresent() && ours.isPresent() && belong(ours.get(), theirs.get());
  }

  private static boolean belong(PrivateKey ours, PublicKey theirs) {
    byte[] text = {1, 2, 3};
    try {
      Signature signature = Signature.getInstance(Issuer.SIGNATURE);
      signature.initSign(ours);
      signature.update(text);
      byte[] signed = signature.sign();
      signature.initVerify(theirs);
      signature.update(text);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  /** Whether it is valid now and a third of its life is left. */
  boolean isFresh(Instant now) {
    return read().map(Life::of).filter(life -> life.isFresh(now)).isPresent();
  }

  /** When it was issued. */
  Instant issued() {
    return read().orElseThrow().getNotBefore().toInstant().plus(Issuer.CLOCK_SKEW);
  }

  /** Until when it is valid. */
  public Instant end() {
    return read().orElseThrow().getNotAfter().toInstant();
  }

  /** Whether {@code authority} has signed it. */
  boolean isSignedBy(X509Certificate authority) {
    return Chain.isBy(read().orElseThrow(), authority);
  }

  /** The names and addresses that it is for, sorted. */
  Collection<String> names() {
    TreeSet<String> names = new TreeSet<>();
    try {
      Collection<List<?>> all = read().orElseThrow().getSubjectAlternativeNames();
      if (all != null) {
        for (List<?> name : all) {
          if (name.getFirst() instanceof Integer type && (type == DNS || type == ADDRESS)) {
            names.add(normal(String.valueOf(name.get(1))));
          }
        }
      }
    } catch (CertificateParsingException e) {
      return List.of();
    }
    return names;
  }

  /** The JDK writes {@code ::1} as {@code 0:0:0:0:0:0:0:1}. */
  static String normal(String name) {
    return name.equals("0:0:0:0:0:0:0:1") ? "::1" : name;
  }

  @Override
  public String toString() {
    return "Pair[key not shown]";
  }
}
