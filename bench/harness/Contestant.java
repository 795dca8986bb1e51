package harness;

/**
 * Who is measured.
 *
 * @param baseline whether the others are compared with it
 */
public record Contestant(String name, String version, boolean baseline) {

  public String label() {
    return (name + " " + version).strip();
  }
}
