package org.learnflow.db.programs;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.IntPredicate;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Target;

/**
 * Finds pg_dump and pg_restore: beside the server, otherwise on this machine.
 *
 * @param directory on this machine, if one is given
 * @param elsewhere the programs beside the server
 */
public record ProgramFinder(Optional<Path> directory, Elsewhere elsewhere) {
  /** From this version on, pg_restore sets a parameter that older servers do not know. */
  private static final int TRANSACTION_TIMEOUT = 17;

  /** Programs beside a server. */
  @FunctionalInterface
  public interface Elsewhere {
    /** The programs beside the target's server, as its owner. */
    Optional<PostgresPrograms> of(Target target);
  }

  /** The programs that dump a server of that major version. */
  public PostgresPrograms forDump(Target target, int major) {
    return elsewhere
        .of(target)
        .orElseGet(() ->
            local(target, PostgresPrograms.PG_DUMP, found -> found >= major)
                .orElseThrow(() -> missing(PostgresPrograms.PG_DUMP, major, major + " or newer")));
  }

  /** The programs that load dumps into a server of that major version. */
  public PostgresPrograms forRestore(Target target, int major) {
    boolean olderOnly = major < TRANSACTION_TIMEOUT;
    return elsewhere
        .of(target)
        .or(() -> local(target, PostgresPrograms.PG_RESTORE, found -> found == major))
        .or(() ->
            local(
                target,
                PostgresPrograms.PG_RESTORE,
                found -> olderOnly ? found < TRANSACTION_TIMEOUT : found >= TRANSACTION_TIMEOUT))
        .orElseThrow(() -> missing(PostgresPrograms.PG_RESTORE, major, String.valueOf(major)));
  }

  /**
   * The programs that read back a dump by that pg_dump: on this machine if possible, so that the
   * dump is not transferred.
   */
  public PostgresPrograms forReading(Target target, PostgresPrograms otherwise, int pgDumpMajor) {
    return local(target, PostgresPrograms.PG_RESTORE, found -> found >= pgDumpMajor)
        .orElse(otherwise);
  }

  private Optional<PostgresPrograms> local(Target target, String program, IntPredicate fits) {
    DatabaseAddress address = target.hosting().route(target.owner());
    return LocalPrograms.find(directory, program, fits)
        .map(found -> new LocalPrograms(found, address, target.password()));
  }

  private Failure missing(String program, int server, String wanted) {
    return Failure.of(
            ExitCode.REFUSED,
            "a server of version %d needs %s %s on this machine, because learnflow-db does not include it; %s"
                .formatted(server, program, wanted, LocalPrograms.found(directory, program)))
        .state("nothing was changed")
        .next(
            "install it (Debian, Ubuntu: apt install postgresql-client-%d, https://wiki.postgresql.org/wiki/Apt),"
                    .formatted(server)
                + " or give its directory with --pg-dump-dir DIR; a demo (--embedded) needs it, too");
  }
}
