import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A way to have a cluster on this machine. */
interface Backend {
  /** Installs and builds what {@link #up} needs, and starts nothing. */
  void prepare() throws IOException, InterruptedException;

  /** A line for each thing that a cluster could leave on this machine. */
  List<String> listing() throws IOException, InterruptedException;

  void up() throws IOException, InterruptedException;

  /** Leaves nothing behind; does nothing where nothing is up. */
  void down() throws IOException, InterruptedException;

  /** Prints what runs, and says whether the cluster answers. */
  boolean status() throws IOException, InterruptedException;

  /** Puts images on the node, from archives as {@code docker save} writes them. */
  void load(List<Path> archives) throws IOException, InterruptedException;

  /** Stops, starts or restarts one process of the cluster. */
  void control(String action, String part) throws IOException, InterruptedException;
}
