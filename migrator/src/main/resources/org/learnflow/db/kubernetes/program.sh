# Runs a program of PostgreSQL beside the server, as ROLE:
#   sh -c "this text" program ROLE BYTES PROGRAM [ARGUMENT...]
# with the role's password as the first line of stdin, and after it BYTES bytes for the program. A connection that is lost
# ends stdin: a program that reads finds its input cut, and one that reads nothing is ended. No process is left behind, since
# the server may be the container's first process, and would take its exit code for a crash of its own.
set -u
IFS= read -r PGPASSWORD || exit 1
export PGPASSWORD PGUSER="$1" PGHOST=127.0.0.1 PGPORT="${POSTGRESQL_PORT_NUMBER:-5432}" PGAPPNAME=learnflow-db LC_ALL=C
bytes=$2
shift 2

# What is not read keeps the container runtime from telling the exit code (containerd/containerd#12733). So all is read.
if [ "$bytes" -gt 0 ]; then
  head -c "$bytes" | {
    "$@"
    code=$?
    cat >/dev/null
    exit "$code"
  }
  exit
fi

# pg_dump writes 4 KiB at a time, and containerd, kubelet and API server make a message of each: so dd collects them.
exec 3<&0 4>&1
code=$(
  {
    {
      "$@" </dev/null 3<&- 4>&- 5>&- &
      program=$!
      (
        while read -r _; do :; done
        kill "$program"
      ) <&3 >/dev/null 2>&1 4>&- 5>&- &
      watchdog=$!
      wait "$program"
      echo $? >&5
      kill "$watchdog" 2>/dev/null
      wait "$watchdog" 2>/dev/null
    } | dd ibs=64k obs=64k 2>/dev/null >&4
  } 5>&1
)
exit "$code"
