package harness;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.time.LocalDate;
import java.time.ZoneOffset;

/**
 * What the numbers depend on, without a name or a path of the machine.
 *
 * @param load processes that wanted to run in the last minute, on average
 */
record Machine(LocalDate date, int cores, long memoryGib, String java, double load) {

  static Machine now() {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return new Machine(
        LocalDate.now(ZoneOffset.UTC),
        system.getAvailableProcessors(),
        Math.round(system.getTotalMemorySize() / (double) (1L << 30)),
        System.getProperty("java.version"),
        system.getSystemLoadAverage());
  }
}
