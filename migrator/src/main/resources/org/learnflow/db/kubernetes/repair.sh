# Runs SQL as ROLE in the container of a PostgreSQL whose passwords nobody knows, without a restart:
#   sh -c "this text" repair ROLE DATABASE
# with the SQL on stdin, up to a line "-- end". For a moment a rule before all others lets the system user that the server
# itself runs as (and so can read all its files anyway) log in over the local socket. Afterwards the rule is taken away, also
# by the watchdog, half a second after this process was killed. No step disturbs another process that does the same.
# Exit code 0 or 1, nothing else: where PostgreSQL is the container's first process it inherits what is left of us, and takes
# any other code for a crash of its own.
set -u
trap '' HUP PIPE

tag=learnflow-db-repair
role=$1
database=$2
# Not sed's q: busybox reads ahead, and waits for the end of stdin.
sql=$(while IFS= read -r line && [ "$line" != "-- end" ]; do printf '%s\n' "$line"; done)

fail() {
  echo "$*" >&2
  exit 1
}

server=$(head -n 1 "${PGDATA:-/nonexistent}/postmaster.pid" 2>/dev/null) ||
  fail "no server was found: PGDATA=${PGDATA:-} holds no postmaster.pid"
kill -0 "$server" 2>/dev/null || fail "user $(id -u) may not signal the server, process $server"

# The server's own arguments say which files it reads.
set --
while IFS= read -r argument; do
  [ -z "$argument" ] || set -- "$@" "$argument"
done <<END
$(tr '\0' '\n' <"/proc/$server/cmdline" | tail -n +2)
END
{
  hba=$(postgres "$@" -C hba_file) && ident=$(postgres "$@" -C ident_file) &&
    port=$(postgres "$@" -C port) && sockets=$(postgres "$@" -C unix_socket_directories)
} || fail "the server's settings cannot be read"
[ -n "$sockets" ] || fail "the server has no socket: unix_socket_directories is empty"

# Under the name that the server sees: libnss_wrapper may give it another one than /etc/passwd.
names=$(tr '\0' '\n' <"/proc/$server/environ" | sed -n 's/^NSS_WRAPPER_PASSWD=//p')
user=$(cat "${names:-/dev/null}" /etc/passwd | while IFS=: read -r name _ uid _; do
  if [ "$uid" = "$(id -u)" ]; then
    echo "$name"
    break
  fi
done)
[ -n "$user" ] || fail "user $(id -u), as which the server runs, has no name in /etc/passwd"

# Replaces a file at once by itself, our line now first or nowhere.
rewrite() {
  new=$1.$tag.$$.$writer && cp -p "$1" "$new" &&
    { [ -z "$2" ] || echo "$2"; sed "/$tag/d" "$1"; } >"$new" && mv -f "$new" "$1"
}

let_in() {
  rewrite "$ident" "$tag \"$user\" \"$role\"" && rewrite "$hba" "local all \"$role\" peer map=$tag" &&
    kill -HUP "$server"
}

# Again where another one replaced a file while this one copied it.
put_back() {
  tries=10
  until rewrite "$hba" "" && rewrite "$ident" "" && kill -HUP "$server"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

# Whatever psql exits with, this is 0 or 1.
ask() {
  PGOPTIONS="-c search_path=pg_catalog,pg_temp -c role=none -c statement_timeout=0 -c idle_session_timeout=0 -c standard_conforming_strings=on -c default_transaction_read_only=off -c log_statement=none -c log_min_error_statement=panic -c lock_timeout=2s" psql --no-psqlrc --quiet --tuples-only --no-align \
    --no-password --set ON_ERROR_STOP=1 --host "${sockets%%,*}" --port "$port" --username "$role" \
    --dbname "$database" 2>&1 || return 1
}

writer=watchdog
self=$$
(
  left=60
  while [ "$left" -gt 0 ] && kill -0 "$self" 2>/dev/null; do
    sleep 0.5
    left=$((left - 1))
  done
  put_back
  exit 0
) </dev/null >/dev/null 2>&1 &
watchdog=$!
writer=repair

# Another one's put_back may come between our rule and our login, and the server reads its rules a moment after the signal.
answer="$hba or $ident cannot be changed here"
left=10
until let_in && sleep 0.1 && answer=$(printf '%s\n' "$sql" | ask); do
  left=$((left - 1))
  if [ "$left" = 0 ]; then
    put_back
    fail "$answer"
  fi
done

put_back || fail "$hba could not be put back: take its line with $tag away, and kill -HUP $server"
left=50
while echo "SELECT" | ask >/dev/null; do
  left=$((left - 1))
  [ "$left" -gt 0 ] || fail "the server still lets user $user in: another repair is at work, or kill -HUP $server did nothing"
  sleep 0.1
done
{
  kill "$watchdog"
  wait "$watchdog"
} 2>/dev/null
echo "$answer"
exit 0
