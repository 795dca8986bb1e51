#!/bin/sh
# Starts PostgreSQL as Bitnami's image does in the StatefulSet of its chart: the same environment
# variables, paths, roles and settings. What it cannot do, replication and LDAP, it refuses.
# Unlike Bitnami's, a first boot that was interrupted begins again, nobody can connect before the
# first boot is over, and SIGTERM ends the server at once, however many sessions are open.
set -eu

conf=/opt/bitnami/postgresql/conf
tmp=/opt/bitnami/postgresql/tmp
volume=${POSTGRESQL_VOLUME_DIR:-/bitnami/postgresql}
mounted=$volume/conf
data=$PGDATA
port=${POSTGRESQL_PORT_NUMBER:-5432}

log() {
  echo "postgresql: $*" >&2
}

fail() {
  log "$*"
  exit 1
}

# The value of a variable, or the content of the file that VARIABLE_FILE names.
value() {
  file=$(printenv "$1_FILE" || true)
  if [ -z "$file" ]; then
    printenv "$1" || true
  elif [ -r "$file" ]; then
    cat "$file"
  else
    fail "$1_FILE names $file, which cannot be read"
  fi
}

read_settings() {
  POSTGRES_USER=${POSTGRES_USER:-postgres}
  POSTGRES_DATABASE=${POSTGRES_DATABASE:-postgres}
  POSTGRES_PASSWORD=$(value POSTGRES_PASSWORD)
  POSTGRES_POSTGRES_PASSWORD=$(value POSTGRES_POSTGRES_PASSWORD)
  export POSTGRES_USER POSTGRES_DATABASE POSTGRES_PASSWORD POSTGRES_POSTGRES_PASSWORD
  [ -n "$POSTGRES_PASSWORD" ] || fail "POSTGRES_PASSWORD is empty or not set"
  [ ${#POSTGRES_PASSWORD} -le 100 ] || fail "POSTGRES_PASSWORD is longer than 100 characters"
  [ -z "${POSTGRES_REPLICATION_MODE:-}" ] || fail "this image does no replication: set architecture=standalone"
  [ "${POSTGRESQL_ENABLE_LDAP:-no}" = no ] || fail "this image does no LDAP: set ldap.enabled=false"
}

# A line of postgresql.conf, unless the value is empty.
setting() {
  if [ -n "$2" ]; then
    quoted=$(printf '%s' "$2" | sed "s/'/''/g")
    printf "%s = '%s'\n" "$1" "$quoted"
  fi
}

# Settings of Bitnami's image, those of the chart's values, and last extendedConfiguration, which wins.
default_configuration() {
  setting listen_addresses '*'
  setting wal_level replica
  setting max_wal_size 400MB
  setting max_wal_senders 16
  setting wal_keep_size 128MB
  setting shared_preload_libraries "${POSTGRESQL_SHARED_PRELOAD_LIBRARIES-pgaudit}"
  setting pgaudit.log "${POSTGRESQL_PGAUDIT_LOG:-}"
  setting pgaudit.log_catalog "${POSTGRESQL_PGAUDIT_LOG_CATALOG:-}"
  setting log_connections "${POSTGRESQL_LOG_CONNECTIONS:-}"
  setting log_disconnections "${POSTGRESQL_LOG_DISCONNECTIONS:-}"
  setting log_hostname "${POSTGRESQL_LOG_HOSTNAME:-}"
  setting log_line_prefix "${POSTGRESQL_LOG_LINE_PREFIX:-}"
  setting log_timezone "${POSTGRESQL_LOG_TIMEZONE:-}"
  setting timezone "${POSTGRESQL_TIMEZONE:-}"
  setting client_min_messages "${POSTGRESQL_CLIENT_MIN_MESSAGES:-error}"
  setting max_connections "${POSTGRESQL_MAX_CONNECTIONS:-}"
  setting statement_timeout "${POSTGRESQL_STATEMENT_TIMEOUT:-}"
  if tls; then
    setting ssl on
    setting ssl_cert_file "$POSTGRESQL_TLS_CERT_FILE"
    setting ssl_key_file "$POSTGRESQL_TLS_KEY_FILE"
    setting ssl_prefer_server_ciphers "${POSTGRESQL_TLS_PREFER_SERVER_CIPHERS:-}"
    setting ssl_ca_file "${POSTGRESQL_TLS_CA_FILE:-}"
    setting ssl_crl_file "${POSTGRESQL_TLS_CRL_FILE:-}"
  fi
  setting include_dir conf.d
}

tls() {
  [ "${POSTGRESQL_ENABLE_TLS:-no}" = yes ]
}

# A password on every connection, local ones too.
default_access() {
  if tls && [ -n "${POSTGRESQL_TLS_CA_FILE:-}" ]; then
    echo 'hostssl all all 0.0.0.0/0 cert'
    echo 'hostssl all all ::/0 cert'
  fi
  echo 'host all all 0.0.0.0/0 scram-sha-256'
  echo 'host all all ::/0 scram-sha-256'
  echo 'local all all scram-sha-256'
}

# Files of the chart's configuration, pgHbaConfiguration and extendedConfiguration replace or extend ours.
write_configuration() {
  rm -rf "${conf:?}"/*
  mkdir "$conf/conf.d"
  default_configuration >"$conf/postgresql.conf"
  default_access >"$conf/pg_hba.conf"
  for file in postgresql.conf pg_hba.conf; do
    [ ! -f "$mounted/$file" ] || cp -f "$mounted/$file" "$conf/$file"
  done
  for file in "$mounted"/conf.d/*.conf; do
    [ ! -f "$file" ] || cp "$file" "$conf/conf.d/"
  done
  {
    echo
    setting port "$port"
    setting unix_socket_directories /tmp
    setting external_pid_file "$tmp/postgresql.pid"
  } >>"$conf/postgresql.conf"
}

# Roles, database and rights as Bitnami's image makes them. Passwords come from the environment.
create_roles_and_database() {
  {
    if [ -n "$POSTGRES_POSTGRES_PASSWORD" ]; then
      printf '%s\n' '\getenv admin_password POSTGRES_POSTGRES_PASSWORD' \
        "ALTER ROLE postgres PASSWORD :'admin_password';"
    fi
    printf '%s\n' '\getenv user POSTGRES_USER' '\getenv password POSTGRES_PASSWORD' \
      '\getenv database POSTGRES_DATABASE'
    if [ "$POSTGRES_DATABASE" != postgres ]; then
      echo 'CREATE DATABASE :"database";'
    fi
    if [ "$POSTGRES_USER" = postgres ]; then
      echo "ALTER ROLE postgres PASSWORD :'password';"
    else
      printf '%s\n' "CREATE ROLE :\"user\" LOGIN CREATEDB PASSWORD :'password';" \
        'GRANT ALL PRIVILEGES ON DATABASE :"database" TO :"user";' \
        'ALTER DATABASE :"database" OWNER TO :"user";' \
        '\connect :"database"' \
        'ALTER SCHEMA public OWNER TO :"user";'
    fi
  } | psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres
}

run_scripts() {
  for script in /docker-entrypoint-initdb.d/* /docker-entrypoint-initdb.d/secret/*; do
    case $script in
      *.sh) log "running $script" && sh "$script" ;;
      *.sql) log "running $script" && as_script_user <"$script" ;;
      *.sql.gz) log "running $script" && gzip -dc "$script" | as_script_user ;;
    esac
  done
}

as_script_user() {
  psql --no-psqlrc --quiet --username "${POSTGRES_INITSCRIPTS_USERNAME:-$POSTGRES_USER}" --dbname "$POSTGRES_DATABASE"
}

# Everything happens in a folder beside the data; its last step, a rename, makes it the data.
first_boot() {
  log "first boot: making $data"
  unfinished=$data.unfinished
  socket=$tmp/first-boot
  rm -rf "$unfinished" "$socket"
  mkdir -m 700 "$socket"
  # shellcheck disable=SC2086 # several arguments in one value
  initdb --pgdata="$unfinished" --username=postgres --encoding=UTF8 --auth=trust --no-instructions \
    ${POSTGRES_INITDB_ARGS:-} >/dev/null
  echo 'local all all trust' >"$socket/pg_hba.conf"
  export PGHOST="$socket" PGPORT="$port"
  pg_ctl start --pgdata="$unfinished" --wait --silent --options="\
    -c config_file=$conf/postgresql.conf -c hba_file=$socket/pg_hba.conf -c ssl=off -c listen_addresses= \
    -c unix_socket_directories=$socket -c external_pid_file=$socket/pid -c log_min_error_statement=panic"
  create_roles_and_database
  run_scripts
  pg_ctl stop --pgdata="$unfinished" --mode=fast --wait --silent
  rm -rf "$socket" "$unfinished/postgresql.conf" "$unfinished/pg_hba.conf"
  mv -T "$unfinished" "$data"
}

# PID 1 stays this shell: it turns SIGTERM into a fast shutdown, and reaps what `kubectl exec` leaves
# behind, which PostgreSQL would take for a crash of its own.
serve() {
  postgres -D "$data" -c "config_file=$conf/postgresql.conf" -c "hba_file=$conf/pg_hba.conf" &
  server=$!
  trap 'kill -INT "$server" || true' TERM INT
  status=0
  while kill -0 "$server" 2>/dev/null; do
    wait "$server" && status=0 || status=$?
  done
  exit "$status"
}

trap 'exit 143' TERM INT
read_settings
rm -f "$tmp/.initialized"
write_configuration
if [ ! -f "$data/PG_VERSION" ]; then
  first_boot &
  wait $!
fi
# A volume's fsGroup opens the data to the group, which PostgreSQL refuses; a pod that was killed
# leaves a process number behind that means another process here.
chmod u+rwx,go-rwx "$data"
rm -f "$data/postmaster.pid"
unset POSTGRES_PASSWORD POSTGRES_POSTGRES_PASSWORD
touch "$tmp/.initialized"
serve
