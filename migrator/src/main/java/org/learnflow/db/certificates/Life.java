package org.learnflow.db.certificates;

import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;

/** When a certificate is valid. */
public record Life(Instant begin, Instant end) {
  static Life of(X509Certificate certificate) {
    return new Life(certificate.getNotBefore().toInstant(), certificate.getNotAfter().toInstant());
  }

  /** Whether it is valid at that time. */
  public boolean includes(Instant now) {
    return !begin.isAfter(now) && end.isAfter(now);
  }

  /** Whether it is valid, and at least a third of it is left: otherwise it is time to renew it. */
  public boolean isFresh(Instant now) {
    return includes(now)
        && Duration.between(now, end).compareTo(Duration.between(begin, end).dividedBy(3)) >= 0;
  }

  /** Whole days that are left; negative if it has ended. */
  public long days(Instant now) {
    return Math.floorDiv(Duration.between(now, end).toSeconds(), Duration.ofDays(1).toSeconds());
  }
}
