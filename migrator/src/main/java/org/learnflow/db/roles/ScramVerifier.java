package org.learnflow.db.roles;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.text.Normalizer;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import org.learnflow.db.Password;
import org.learnflow.db.connect.Connector;

/**
 * Checks whether a stored SCRAM-SHA-256 verifier belongs to a password, so that a password that is
 * already correct is not written again. Source: RFC 5802, section 3; PostgreSQL's pg_authid.
 */
final class ScramVerifier {
  private static final Pattern FORM =
      Pattern.compile(
          "SCRAM-SHA-256\\$(?<iterations>\\d+):(?<salt>[^$]+)\\$(?<stored>[^:]+):(?<server>.+)");

  /** Of a number that is an int. */
  private static final int DIGITS = 9;

  private ScramVerifier() {}

  /**
   * Also false if {@code verifier} is of another kind, or needs so many iterations that every login
   * takes seconds: a role can set such a verifier for itself, and it is then replaced.
   */
  static boolean matches(String verifier, Password password) {
    Matcher matcher = FORM.matcher(verifier);
    if (!matcher.matches()) {
      return false;
    }
    String iterations = matcher.group("iterations");
    if (iterations.length() > DIGITS
        || Integer.parseInt(iterations) > Connector.MOST_SCRAM_ITERATIONS) {
      return false;
    }
    try {
      // RFC 5802 asks for SASLprep, of which NFKC is the part that matters; a false "differs"
      // only writes the same password again.
      String normalized = Normalizer.normalize(password.value(), Normalizer.Form.NFKC);
      PBEKeySpec spec =
          new PBEKeySpec(
              normalized.toCharArray(),
              Base64.getDecoder().decode(matcher.group("salt")),
              Integer.parseInt(iterations),
              256);
      byte[] salted =
          SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(spec).getEncoded();
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(salted, "HmacSHA256"));
      byte[] serverKey = mac.doFinal("Server Key".getBytes(StandardCharsets.US_ASCII));
      return MessageDigest.isEqual(serverKey, Base64.getDecoder().decode(matcher.group("server")));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK has PBKDF2WithHmacSHA256", e);
    }
  }
}
