import harness.Options;
import lib.Tool;

/** Prints what is wanted beside the last results, and writes it again, without measuring. */
class Summary {
  static void main(String[] arguments) throws Exception {
    Tool.run(() -> harness.Summary.publish(Options.parse(arguments).save()));
  }
}
