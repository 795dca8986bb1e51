# Reads a dump whole by pg_restore to nowhere, keeps it beside the server's data, and loads it when told to: it is sent once.
#   sh -c "this text" keep ROLE BYTES PROGRAM [ARGUMENT...]
# stdin: the role's password in a line; BYTES bytes; and once this has answered "kept", lines: "wait", then "load", which starts
# PROGRAM with the dump as its stdin. Each line after that is answered by the bytes that PROGRAM has read. Last it says "ended".
# What is kept has no name, so that it is gone with this shell, however that ends. A connection that is lost ends stdin, and with
# it all programs; where nothing could be kept, it ends before that. The exit code is that of the last program.
set -u
IFS= read -r PGPASSWORD || exit 1
export PGPASSWORD PGUSER="$1" PGHOST=127.0.0.1 PGPORT="${POSTGRESQL_PORT_NUMBER:-5432}" PGAPPNAME=learnflow-db LC_ALL=C
bytes=$2
shift 2
kept=/proc/self/fd/4
exec 3<&0
trap 'echo ended' EXIT

dump="${PGDATA:-/tmp}/learnflow-db.$$"
copy=cat
exec 4</dev/null
if command -v tee >/dev/null && (umask 077 && : >"$dump") 2>/dev/null; then
  exec 4<>"$dump"
  rm "$dump"
  copy="tee $kept"
fi

# What is not read keeps the container runtime from telling the exit code (containerd/containerd#12733). So all is read.
head -c "$bytes" | $copy 2>/dev/null | {
  pg_restore --file=/dev/null
  code=$?
  cat >/dev/null
  exit "$code"
} || exit
[ "$(wc -c <"$kept")" -eq "$bytes" ] || exit 0
echo kept

word=wait
while [ "$word" != load ]; do
  read -r word || exit 1
done
"$@" <"$kept" 3<&- 4<&- &
program=$!
(
  while read -r _; do
    while read -r name value; do
      if [ "$name" = pos: ]; then echo "$value"; fi
    done <"/proc/$program/fdinfo/0"
  done
  kill "$program"
) <&3 2>/dev/null 3<&- 4<&- &
watchdog=$!
wait "$program"
code=$?
kill "$watchdog" 2>/dev/null
wait "$watchdog" 2>/dev/null
exit "$code"
