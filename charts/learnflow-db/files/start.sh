# Starts PostgreSQL in the container of the chart bitnami/postgresql, from any image with sh, initdb and postgres on PATH:
#   sh start.sh [ARGUMENT OF POSTGRES...]
# postgresql.conf and pg_hba.conf are beside this script. The data may be those of Bitnami's image, which keeps both files outside
# of the data directory too. Of other programs it uses only cat, chmod, cp, mkdir, mv, rm, rmdir, sleep and sync, and flock if it is there.
set -eu
umask 077
files=${0%/*}
conf=${POSTGRESQL_CONF_DIR:-/opt/bitnami/postgresql/conf}
extended=${POSTGRESQL_VOLUME_DIR:-/bitnami/postgresql}/conf/conf.d
unfinished=$PGDATA.unfinished
tls=${TLS_DIR:-/tls}

fail() {
  echo "start: $*" >&2
  exit 1
}

# This shell stays the container's first process. It turns the signal that ends a container, whatever STOPSIGNAL the image has, into
# a fast shutdown, and reaps what `kubectl exec` leaves behind, which PostgreSQL would take for a crash of its own.
child=
input=
status=0
stopping=
ended() {
  stopping=yes
  [ -z "$child" ] || kill "-$signal" "$child" 2>/dev/null || true
}
trap ended TERM INT QUIT

run() {
  signal=$1
  shift
  [ -z "$stopping" ] || exit 143
  "$@" <"${input:-/dev/null}" &
  child=$!
  [ -z "$stopping" ] || ended
  while :; do
    wait "$child" && status=0 || status=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
}

# $2 between quotes $1, as a name or a literal of SQL.
quoted() {
  rest=$2
  printf %s "$1"
  while [ "$rest" != "${rest#*"$1"}" ]; do
    printf '%s%s%s' "${rest%%"$1"*}" "$1" "$1"
    rest=${rest#*"$1"}
  done
  printf '%s%s' "$rest" "$1"
}

# Owner and database, as Bitnami's image makes them. The password is read from a file that no other user sees, and is in no log.
populate() {
  owner=$(quoted '"' "$POSTGRES_USER")
  password=${POSTGRES_PASSWORD:-}
  [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(cat "$POSTGRES_PASSWORD_FILE")
  input=$conf/populate.sql
  # One statement a line. Not with echo, which reads backslashes in some shells.
  printf '%s\n' "CREATE ROLE $owner LOGIN CREATEDB PASSWORD $(quoted "'" "$password")" \
    "CREATE DATABASE $(quoted '"' "${POSTGRES_DATABASE:-$POSTGRES_USER}") OWNER $owner" >"$input"
  # With initdb's settings, whatever those of the release load or log.
  run TERM postgres --single -D "$unfinished" -c log_min_error_statement=panic postgres >/dev/null
  rm -f "$input"
  input=
}

# The admin's password is in a file, or in the environment with auth.usePasswordFiles=false.
create() {
  echo "start: creating $PGDATA" >&2
  rm -rf "$unfinished"
  password=${POSTGRES_POSTGRES_PASSWORD_FILE:-}
  if [ -z "$password" ]; then
    [ -n "${POSTGRES_POSTGRES_PASSWORD:-}" ] || fail "neither POSTGRES_POSTGRES_PASSWORD_FILE nor POSTGRES_POSTGRES_PASSWORD is set"
    password=$conf/password
    printf '%s\n' "$POSTGRES_POSTGRES_PASSWORD" >"$password"
  fi
  # Without a locale of the image's, that of C, which every libc has.
  locale=--no-locale
  [ -z "${LC_ALL:-${LANG:-}}" ] || locale=
  # shellcheck disable=SC2086 # several arguments in one value
  run TERM initdb --pgdata="$unfinished" --username=postgres --pwfile="$password" --auth=scram-sha-256 --encoding=UTF8 \
    --no-instructions $locale ${POSTGRES_INITDB_ARGS:-}
  rm -f "$conf/password"
  [ -z "$stopping" ] || exit 143
  [ "$status" = 0 ] || fail "initdb failed, see above; nothing of it counts"
  if [ "${POSTGRES_USER:-postgres}" != postgres ]; then
    populate
    [ -z "$stopping" ] || exit 143
    [ "$status" = 0 ] || fail "owner and database could not be created, see above; nothing of it counts"
  fi
  # Those that count are elsewhere.
  rm -f "$unfinished/postgresql.conf" "$unfinished/pg_hba.conf"
  # Only a whole data directory gets its name: what a killed initdb leaves is removed by the next start.
  mv "$unfinished" "$PGDATA"
  # The new name; what is in it has been synchronized. A sync of everything can take long on a busy node.
  sync "${PGDATA%/*}" 2>/dev/null || sync
}

# Kubernetes replaces the files of a renewed certificate, both at once. PostgreSQL reads them again at SIGHUP, and keeps the old ones
# if it does not like the new; a second signal is for the case that it read one file before and one after.
watch_certificate() {
  seen=$(cat "$tls/tls.crt")
  while sleep 10; do
    now=$(cat "$tls/tls.crt") || continue
    [ "$now" != "$seen" ] || continue
    seen=$now
    echo "start: the certificate changed" >&2
    for _ in 1 2; do
      ! read -r server <"$PGDATA/postmaster.pid" || kill -HUP "$server" || true
      sleep 1
    done
  done
}

# The Secret may be created at the same time as this pod.
await_certificate() {
  for _ in 0 1 2 3 4 5; do
    [ ! -s "$tls/tls.crt" ] || [ ! -s "$tls/tls.key" ] || return 0
    echo "start: waiting for the server's certificate" >&2
    sleep 5
  done
  fail "the Secret with the server's certificate does not exist, or lacks tls.crt or tls.key; the next upgrade creates it if it is the release's own"
}

# Two servers on one volume destroy the data. PostgreSQL's own check does not see processes of another container, such as those of a
# pod that is still ending. This lock is held until the last process of a server has ended; it works between pods of one node, and only
# there can a ReadWriteOnce volume be mounted twice.
lock_volume() {
  lock=${PGDATA%/*}/start.lock
  command -v flock >/dev/null || return 0
  if ! (: >>"$lock") 2>/dev/null; then
    echo "start: $lock cannot be written: a second server on this volume would not be noticed" >&2
    return 0
  fi
  exec 9>>"$lock"
  waiting=
  until flock -n 9; do
    [ -n "$waiting" ] || echo "start: another server still uses $PGDATA; waiting for its end" >&2
    waiting=yes
    sleep 1
    [ -z "$stopping" ] || exit 143
  done
}

# A setting that the server would start with; nothing if this version does not have it.
setting() {
  name=$1
  shift
  postgres -D "$PGDATA" -c "config_file=$conf/postgresql.conf" -c "hba_file=$conf/pg_hba.conf" "$@" -C "$name" 2>/dev/null || true
}

# PostgreSQL 16 and later keep connections for members of pg_use_reserved_connections, which the migrator makes the owner: it and who is
# on call get in when services have taken all others. Not of a server with few, and not where the values, or ALTER SYSTEM, set another number.
reserve() {
  [ "$(setting reserved_connections "$@")" = 0 ] || return 0
  [ "$(setting max_connections "$@")" -ge 50 ] 2>/dev/null || return 0
  echo 'reserved_connections = 10' >"$conf/conf.d/0-reserved.conf"
}

lock_volume
rm -rf "${conf:?}"/*
mkdir "$conf/conf.d"
cp "$files/postgresql.conf" "$files/pg_hba.conf" "$conf/"
# extendedConfiguration, whose lines come last and win.
for file in "$extended"/*.conf; do
  [ ! -f "$file" ] || cp "$file" "$conf/conf.d/"
done

if [ ! -f "$PGDATA/PG_VERSION" ]; then
  if [ -d "$PGDATA" ] && ! rmdir "$PGDATA" 2>/dev/null; then
    fail "$PGDATA is neither empty nor a data directory of PostgreSQL; its volume was left as it is"
  fi
  create
fi
[ -f "$PGDATA/global/pg_control" ] || fail "$PGDATA has no global/pg_control: it was never finished, or is damaged"
# The volume's fsGroup opens the data to a group, which PostgreSQL refuses.
chmod u=rwx,go= "$PGDATA" || fail "$PGDATA does not belong to this user: set postgresql.primary.containerSecurityContext.runAsUser to its owner"
# The process number in it is of another container; here it may be that of another process.
rm -f "$PGDATA/postmaster.pid"
unset POSTGRES_PASSWORD POSTGRES_POSTGRES_PASSWORD
reserve "$@"
watching=
case $(cat "$files/postgresql.conf") in
*"ssl_cert_file = '$tls/"*)
  await_certificate
  watch_certificate 9>&- &
  watching=$!
  ;;
esac
run INT postgres -D "$PGDATA" -c "config_file=$conf/postgresql.conf" -c "hba_file=$conf/pg_hba.conf" "$@"
[ -z "$watching" ] || kill "$watching" 2>/dev/null || true
exit "$status"
