package org.learnflow.db.offsite;

import com.exceptionfactory.jagged.RecipientStanzaReader;
import com.exceptionfactory.jagged.RecipientStanzaWriter;
import com.exceptionfactory.jagged.UnsupportedRecipientStanzaException;
import com.exceptionfactory.jagged.framework.stream.StandardDecryptingChannelFactory;
import com.exceptionfactory.jagged.framework.stream.StandardEncryptingChannelFactory;
import com.exceptionfactory.jagged.x25519.X25519RecipientStanzaReaderFactory;
import com.exceptionfactory.jagged.x25519.X25519RecipientStanzaWriterFactory;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PushbackInputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;

/**
 * Keys of age (age-encryption.org): whoever has a recipient's identity can read what is encrypted,
 * and who encrypts needs only the recipient, which is no secret.
 *
 * @param recipients such as {@code age1ql3z...}; none: nothing is encrypted
 * @param identities file with {@code AGE-SECRET-KEY-1...}, as age-keygen writes it
 */
public record AgeKeys(List<String> recipients, Optional<Path> identities) {
  /** What is appended to the name of an encrypted file. */
  private static final String SUFFIX = ".age";

  private static final byte[] HEADER =
      "age-encryption.org/v1\n".getBytes(StandardCharsets.US_ASCII);

  private static final String IDENTITY = "AGE-SECRET-KEY-1";

  /** Defends against a caller's changes. */
  public AgeKeys {
    recipients = List.copyOf(recipients);
  }

  /**
   * Refuses recipients that cannot be used, before any work is done.
   *
   * @throws Failure 2
   */
  public void check() {
    recipients.forEach(AgeKeys::writer);
  }

  /** The name of a file once it is encrypted. */
  static String encrypted(String name) {
    return name + SUFFIX;
  }

  /** The same without encryption. */
  static String plain(String name) {
    return name.endsWith(SUFFIX) ? name.substring(0, name.length() - SUFFIX.length()) : name;
  }

  boolean encrypt() {
    return !recipients.isEmpty();
  }

  /**
   * Encrypts what is written to it, if there are recipients.
   *
   * @param out closed with it
   */
  OutputStream encrypting(OutputStream out) throws IOException {
    if (!encrypt()) {
      return out;
    }
    try {
      return Channels.newOutputStream(
          new StandardEncryptingChannelFactory()
              .newEncryptingChannel(
                  Channels.newChannel(out), recipients.stream().map(AgeKeys::writer).toList()));
    } catch (GeneralSecurityException e) {
      throw new IOException("it cannot be encrypted: " + Reason.of(e), e);
    }
  }

  private static RecipientStanzaWriter writer(String recipient) {
    try {
      return X25519RecipientStanzaWriterFactory.newRecipientStanzaWriter(recipient);
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw Failure.of(
              ExitCode.USAGE, "%s is not a recipient of age: %s".formatted(recipient, Reason.of(e)))
          .state("nothing was changed")
          .next(
              "make a key and give its public part: age-keygen -o age.key, --age-recipient age1...")
          .causedBy(e);
    }
  }

  /**
   * Decrypts what is read from it, if it is encrypted.
   *
   * @param in what is stored
   * @throws Failure 2 if it is encrypted and there is no identity, 10 if none is the right one
   */
  InputStream decrypting(InputStream in) throws IOException {
    PushbackInputStream stored = new PushbackInputStream(in, HEADER.length);
    byte[] head = stored.readNBytes(HEADER.length);
    stored.unread(head);
    if (!Arrays.equals(head, HEADER)) {
      return stored;
    }
    Path file =
        identities.orElseThrow(() ->
            Failure.of(ExitCode.USAGE, "the dump is encrypted")
                .state("nothing was changed")
                .next("give the file with its key: --age-identity-file age.key"));
    try {
      return Channels.newInputStream(
          new StandardDecryptingChannelFactory()
              .newDecryptingChannel(Channels.newChannel(stored), readers(file)));
    } catch (UnsupportedRecipientStanzaException e) {
      throw otherKey(file).causedBy(e);
    } catch (GeneralSecurityException e) {
      throw Failure.of(ExitCode.REFUSED, "the dump cannot be decrypted: " + Reason.of(e))
          .state("the database was not changed")
          .next("take another copy, or another dump")
          .causedBy(e);
    }
  }

  private static Failure otherKey(Path file) {
    return Failure.of(ExitCode.REFUSED, "the dump is encrypted to another key")
        .where(file.toString())
        .state("the database was not changed")
        .next("give the file with the identity of one of its recipients: --age-identity-file");
  }

  private static List<RecipientStanzaReader> readers(Path file) throws IOException {
    List<RecipientStanzaReader> readers = new ArrayList<>();
    for (String line : WholeFile.IDENTITIES.text(file).lines().map(String::strip).toList()) {
      if (line.startsWith(IDENTITY)) {
        try {
          readers.add(X25519RecipientStanzaReaderFactory.newRecipientStanzaReader(line));
        } catch (GeneralSecurityException | IllegalArgumentException e) {
          throw noIdentity(file, "an identity in it is damaged");
        }
      } else if (!line.isEmpty() && !line.startsWith("#")) {
        throw noIdentity(file, "it has lines that are no identities");
      }
    }
    if (readers.isEmpty()) {
      throw noIdentity(file, "it is empty");
    }
    return readers;
  }

  /** Without what it says, which may be a secret. */
  private static Failure noIdentity(Path file, String why) {
    return Failure.of(ExitCode.USAGE, "the file of identities cannot be used: " + why)
        .where(file.toString())
        .state("nothing was changed")
        .next("give the file that age-keygen wrote, with a line " + IDENTITY + "...");
  }
}
