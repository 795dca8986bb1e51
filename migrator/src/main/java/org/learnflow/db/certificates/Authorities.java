package org.learnflow.db.certificates;

import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Who signs the server's certificate. During a rotation clients trust two authorities: the next one
 * is in {@code ca.crt} for a while before it signs, and the previous one for a while after.
 *
 * @param current signs
 * @param next will sign, once clients know it
 * @param previous certificate that no longer signs, PEM
 */
public record Authorities(Pair current, Optional<Pair> next, Optional<String> previous) {
  /** How long both are trusted before and after the next one begins to sign. */
  public static final Duration OVERLAP = Duration.ofDays(30);

  /** Until a Secret that has changed is in each pod that mounts it, and a bit. */
  public static final Duration DISTRIBUTION = Duration.ofMinutes(5);

  /** New ones; {@code previous} is still trusted, since the server shows a certificate by it. */
  public static Authorities create(Optional<String> previous, Instant now) {
    return new Authorities(Issuer.authority(now), Optional.empty(), previous);
  }

  /** Whether the keys fit their certificates. */
  public boolean usable(Instant now) {
    return current.fits()
        && current.end().isAfter(now)
        && next.map(Pair::fits).orElse(true)
        && previous.map(text -> !Pem.certificates(text).isEmpty()).orElse(true);
  }

  /**
   * The next step of a rotation, if one is due or requested: the next authority is created, or, if
   * clients have known it for a while, begins to sign, or the previous one is no longer trusted.
   *
   * @param requested begins a rotation, or continues it without waiting
   */
  public Authorities step(Optional<Pair> server, boolean requested, Instant now) {
    if (next.isPresent()) {
      boolean known = next.get().issued().plus(OVERLAP).isBefore(now);
      return known || requested
          ? new Authorities(next.get(), Optional.empty(), Optional.of(current.certificate()))
          : this;
    }
    boolean over =
        previous.isPresent()
            && server
                .filter(pair -> isOurs(pair) && pair.issued().plus(OVERLAP).isBefore(now))
                .isPresent();
    if (over) {
      return new Authorities(current, next, Optional.empty());
    }
    return (requested && !isUnfinished(server)) || !current.isFresh(now)
        ? new Authorities(current, Optional.of(Issuer.authority(now)), previous)
        : this;
  }

  /**
   * The same, but what is to sign and was never in {@code ca.crt}, because a run was killed, is
   * replaced: its time begins again, so that clients have it before it signs.
   *
   * @param server what the server has
   * @param trusted what clients trust, PEM; empty if that is unknown
   */
  public Authorities untilDistributed(Optional<Pair> server, String trusted, Instant now) {
    if (trusted.isEmpty()) {
      return this;
    }
    boolean signs = server.isEmpty() || isOurs(server.get());
    return new Authorities(
        signs ? current : distributed(current, trusted, now),
        next.map(pair -> distributed(pair, trusted, now)),
        previous);
  }

  private static Pair distributed(Pair authority, String trusted, Instant now) {
    boolean late = authority.issued().plus(DISTRIBUTION).isBefore(now);
    return late && !trusted.contains(authority.certificate()) ? Issuer.authority(now) : authority;
  }

  /** Whether it is signed by the current one. */
  private boolean isOurs(Pair server) {
    return server.read().isPresent() && current.read().map(server::isSignedBy).orElse(false);
  }

  /**
   * Since when clients can know the authority that is to sign; empty if no rotation has begun.
   *
   * @param server what the server has
   */
  public Optional<Instant> rotating(Optional<Pair> server) {
    return next.or(() -> Optional.of(current).filter(_ -> isUnfinished(server))).map(Pair::issued);
  }

  /** Whether the server still has a certificate by the previous one. */
  public boolean isUnfinished(Optional<Pair> server) {
    return next.isEmpty()
        && previous.isPresent()
        && server.filter(pair -> !isOurs(pair)).isPresent();
  }

  /** What clients trust, PEM. */
  public String bundle() {
    return Stream.of(Optional.of(current.certificate()), next.map(Pair::certificate), previous)
        .flatMap(Optional::stream)
        .map(text -> text.endsWith("\n") ? text : text + "\n")
        .reduce("", String::concat);
  }

  /**
   * Why the server needs another certificate; empty if it does not. If an authority's key was lost,
   * a certificate by it serves until clients have known the new authority for a while.
   *
   * @param server what it has
   * @param names that it must be for
   * @param atOnce whether not to wait for that
   */
  public Optional<String> flaw(Pair server, Collection<String> names, boolean atOnce, Instant now) {
    if (!server.fits()) {
      return Optional.of("its key and certificate do not belong together");
    }
    if (!server.isFresh(now)) {
      return Optional.of("less than a third of its life is left, until " + server.end());
    }
    if (!server.names().containsAll(names.stream().map(Pair::normal).toList())) {
      return Optional.of("it lacks a name");
    }
    if (!isOurs(server) && (atOnce || current.issued().plus(OVERLAP).isBefore(now))) {
      return Optional.of("its authority was replaced");
    }
    List<X509Certificate> trusted = Pem.certificates(bundle());
    return trusted.stream().anyMatch(server::isSignedBy)
        ? Optional.empty()
        : Optional.of("another authority has signed it");
  }

  /** A new certificate for the server, with a new key. */
  public Pair issue(Collection<String> names, Instant now) {
    return Issuer.server(current, names, now);
  }

  /** The names that a certificate is for; none if it cannot be read. */
  public static Collection<String> names(Pair server) {
    return server.read().isPresent() ? server.names() : List.of();
  }
}
