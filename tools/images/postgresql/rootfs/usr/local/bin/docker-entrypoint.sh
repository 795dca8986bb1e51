#!/bin/sh
# Starts PostgreSQL as the documentation of Docker's official image describes it: POSTGRES_PASSWORD is needed, POSTGRES_USER is the
# superuser, POSTGRES_DB is made if it is not there, POSTGRES_INITDB_ARGS are initdb's, /docker-entrypoint-initdb.d runs once,
# POSTGRES_HOST_AUTH_METHOD is that of the network, and local connections are trusted. Each variable may be given as NAME_FILE.
set -eu

value() {
  file=$(printenv "$1_FILE" || true)
  direct=$(printenv "$1" || true)
  if [ -n "$file" ] && [ -n "$direct" ]; then
    echo "error: both $1 and $1_FILE are set" >&2
    exit 1
  fi
  if [ -n "$file" ]; then cat "$file"; else printf '%s' "${direct:-$2}"; fi
}

case ${1:-} in
  -*) set -- postgres "$@" ;;
esac
[ "${1:-}" = postgres ] || exec "$@"

mkdir -p "$PGDATA"
chmod 700 "$PGDATA" || true
if [ "$(id -u)" = 0 ]; then
  chown -R postgres "$PGDATA" /var/run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=$(value POSTGRES_USER postgres)
  database=$(value POSTGRES_DB "$user")
  password=$(value POSTGRES_PASSWORD '')
  arguments=$(value POSTGRES_INITDB_ARGS '')
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [ -z "$password" ] && [ "$method" != trust ]; then
    echo "Error: Database is uninitialized and superuser password is not specified." >&2
    exit 1
  fi
  printf '%s\n' "$password" >/tmp/first-password
  # shellcheck disable=SC2086 # several arguments in one value
  initdb --username="$user" --pwfile=/tmp/first-password $arguments
  rm /tmp/first-password
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
  export PGPASSWORD="$password" PGUSER="$user" PGDATABASE="$database"
  pg_ctl start --wait --options="-c listen_addresses=''"
  if [ -z "$(psql --dbname postgres --tuples-only --no-align --set name="$database" <<'SQL'
SELECT 1 FROM pg_database WHERE datname = :'name'
SQL
  )" ]; then
    psql --dbname postgres --set ON_ERROR_STOP=1 --set name="$database" <<'SQL'
CREATE DATABASE :"name"
SQL
  fi
  for script in /docker-entrypoint-initdb.d/*; do
    case $script in
      *.sh) . "$script" ;;
      *.sql) psql --set ON_ERROR_STOP=1 --file "$script" ;;
      *.sql.gz) gzip -dc "$script" | psql --set ON_ERROR_STOP=1 ;;
    esac
  done
  pg_ctl stop --mode=fast --wait
  unset PGPASSWORD PGUSER PGDATABASE
  echo "PostgreSQL init process complete; ready for start up."
fi
exec "$@"
