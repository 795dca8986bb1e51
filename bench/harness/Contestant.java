package harness;

/**
 * Who is measured.
 *
 * @param version pinned by the benchmark; empty for psql, which is the server's, and for ourselves
 * @param baseline whether the others are compared with it
 */
public record Contestant(String name, String version, boolean baseline) {

  public String label() {
    return (name + " " + version).strip();
  }
}
