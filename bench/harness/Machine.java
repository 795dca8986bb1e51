package harness;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.LocalDate;
import java.time.ZoneOffset;

/** What the numbers depend on, without a name or a path of the machine. */
record Machine(
    LocalDate date, int cores, long memoryGib, String java, String postgresql, String server) {

  static Machine of(Server server) throws IOException, InterruptedException {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return new Machine(
        LocalDate.now(ZoneOffset.UTC),
        system.getAvailableProcessors(),
        Math.round(system.getTotalMemorySize() / (double) (1L << 30)),
        System.getProperty("java.version"),
        server.version(),
        server.origin() + ": " + server.settings());
  }
}
