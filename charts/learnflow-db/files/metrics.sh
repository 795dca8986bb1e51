#!/bin/sh
# Runs postgres_exporter with the role and password in /credentials, and starts it again when a rotation has changed them: it reads them
# only when it starts. Until the first hook has created them it waits. Environment: MONITORING_ROLE, and the exporter's own. Its driver
# takes role and password from the environment: as a part of its address, the exporter would print a password that has a space.
set -u
credentials() { cat /credentials/user /credentials/password 2>/dev/null; }
child=
stop() { [ -z "$child" ] || kill "$child" 2>/dev/null; wait; exit 0; }
trap stop TERM INT
while :; do
  used=$(credentials)
  PGUSER=$(cat /credentials/user 2>/dev/null || echo "$MONITORING_ROLE")
  PGPASSWORD=$(cat /credentials/password 2>/dev/null || echo none)
  export PGUSER PGPASSWORD
  postgres_exporter "$@" &
  child=$!
  while [ "$(credentials)" = "$used" ]; do
    sleep 5 &
    wait $!
    kill -0 "$child" 2>/dev/null || exit 1
  done
  kill "$child"
  wait "$child"
done
