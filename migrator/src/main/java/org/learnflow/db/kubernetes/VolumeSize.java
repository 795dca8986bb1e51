package org.learnflow.db.kubernetes;

import io.fabric8.kubernetes.api.model.Quantity;
import java.util.OptionalLong;

/** A size as Kubernetes writes it, such as {@code 10Gi}. */
public final class VolumeSize {
  private VolumeSize() {}

  /** In bytes; empty if the text is no size. */
  public static OptionalLong bytes(String text) {
    try {
      return OptionalLong.of(Quantity.parse(text).getNumericalAmount().longValueExact());
    } catch (IllegalArgumentException | ArithmeticException e) {
      return OptionalLong.empty();
    }
  }
}
