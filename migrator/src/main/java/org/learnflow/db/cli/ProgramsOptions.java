package org.learnflow.db.cli;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.kubernetes.PodPrograms;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.programs.LocalPrograms;
import org.learnflow.db.programs.PostgresPrograms;
import picocli.CommandLine.Option;

/** Where pg_dump and pg_restore are: in the release's pod, else on this machine. */
final class ProgramsOptions {
  /** From here on pg_restore makes a setting that older servers do not know. */
  private static final int TRANSACTION_TIMEOUT = 17;

  @Option(
      names = "--pg-dump-dir",
      paramLabel = "DIR",
      description =
          "Directory of pg_dump and pg_restore, for a database without a pod (default: PATH, and"
              + " where packages put them).")
  private @Nullable Path directory;

  /** Where dumps of a server of that major version are made. */
  PostgresPrograms forDump(DatabaseOptions.Target target, ClusterOptions cluster, int major) {
    return inPod(target, cluster)
        .orElseGet(() ->
            local(target, PostgresPrograms.PG_DUMP, found -> found >= major)
                .orElseThrow(() -> missing(PostgresPrograms.PG_DUMP, major, major + " or newer")));
  }

  /** Where dumps are loaded into a server of that major version. */
  PostgresPrograms forRestore(DatabaseOptions.Target target, ClusterOptions cluster, int major) {
    boolean olderOnly = major < TRANSACTION_TIMEOUT;
    return inPod(target, cluster)
        .or(() -> local(target, PostgresPrograms.PG_RESTORE, found -> found == major))
        .or(() ->
            local(
                target,
                PostgresPrograms.PG_RESTORE,
                found -> olderOnly ? found < TRANSACTION_TIMEOUT : found >= TRANSACTION_TIMEOUT))
        .orElseThrow(() -> missing(PostgresPrograms.PG_RESTORE, major, String.valueOf(major)));
  }

  /** Where a dump by that pg_dump is read back: here if possible, so that it need not travel. */
  PostgresPrograms forReading(
      DatabaseOptions.Target target, PostgresPrograms otherwise, int pgDumpMajor) {
    return local(target, PostgresPrograms.PG_RESTORE, found -> found >= pgDumpMajor)
        .orElse(otherwise);
  }

  private static Optional<PostgresPrograms> inPod(
      DatabaseOptions.Target target, ClusterOptions cluster) {
    return target
        .release()
        .filter(release -> release.statefulSet().isPresent() && target.password().isPresent())
        .map((Release release) ->
            new PodPrograms(
                cluster.api(),
                release.namespace(),
                release.statefulSet().orElseThrow(),
                target.owner().user(),
                target.password().orElseThrow()));
  }

  private Optional<PostgresPrograms> local(
      DatabaseOptions.Target target, String program, java.util.function.IntPredicate fits) {
    DatabaseAddress address = target.hosting().route(target.owner());
    return LocalPrograms.find(Optional.ofNullable(directory), program, fits)
        .map(found -> new LocalPrograms(found, address, target.password()));
  }

  private Failure missing(String program, int server, String wanted) {
    return Failure.of(
            ExitCode.REFUSED,
            "a server of version %d needs %s %s on this machine, since learnflow-db brings none; %s"
                .formatted(
                    server,
                    program,
                    wanted,
                    LocalPrograms.found(Optional.ofNullable(directory), program)))
        .state("nothing was changed")
        .next(
            "install it (Debian, Ubuntu: apt install postgresql-client-%d, https://wiki.postgresql.org/wiki/Apt),"
                    .formatted(server)
                + " or name its directory with --pg-dump-dir DIR; a demo (--embedded) needs it as well");
  }
}
