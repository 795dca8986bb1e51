package org.learnflow.db.certificates;

import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The certificates that a server shows.
 *
 * @param certificates its own first; at least one
 */
public record Chain(List<X509Certificate> certificates) {
  /** When the server's own certificate is valid. */
  public Life server() {
    return Life.of(certificates.getFirst());
  }

  /**
   * When the authority is valid that signed one of them, or is one of them; the one that ends last.
   *
   * @param trusted PEM
   */
  public Optional<Life> authority(String trusted) {
    return Pem.certificates(trusted).stream()
        .filter(authority -> certificates.stream().anyMatch(own -> isBy(own, authority)))
        .map(Life::of)
        .max(Comparator.comparing(Life::end));
  }

  /** Whether {@code authority} has signed it, or it is the same one. */
  static boolean isBy(X509Certificate own, X509Certificate authority) {
    if (own.equals(authority)) {
      return true;
    }
    if (!own.getIssuerX500Principal().equals(authority.getSubjectX500Principal())) {
      return false;
    }
    try {
      own.verify(authority.getPublicKey());
      return true;
    } catch (GeneralSecurityException e) {
      return false;
    }
  }
}
