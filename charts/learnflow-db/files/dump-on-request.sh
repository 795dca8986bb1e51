# Dumps the database whenever the migrator, in the container beside this one, requests it:  sh dump-on-request.sh KEEP
# In folder PGDUMP_REQUESTS the migrator writes N.request, and reads the dump's output in N.log and then its exit code in N.code.
# The rest is as in dump.sh. Kubernetes ends this container when the migrator has ended, and the pod lives until it has.
set -eu
keep=$1
scripts=$(cd "${0%/*}" && pwd)
part=$PGDUMP_DIR/before-migrate.part
child=
ended() {
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null || true
    rm -f "$part"
  fi
  exit 0
}
# Which of these signals ends a container is a property of its image.
trap ended TERM INT QUIT

# N CODE
answer() {
  rm -f "$part"
  cat "$1.log"
  echo "$2" >"$1.answer"
  mv "$1.answer" "$1.code"
}

cd "$PGDUMP_REQUESTS"
# If this container is killed, Kubernetes starts it again, and the one beside it is not told.
for running in *.running; do
  [ -e "$running" ] || continue
  cat >>"${running%.running}.log" <<'END'
error: no dump was created, because its container was killed, probably for its memory limit
  where: container dump of the migrate Job
  state: the dumps before it are kept; no migration was applied
  next:  raise backup.resources.limits.memory, and run the same command again
END
  answer "${running%.running}" 137
  rm "$running"
done

# The migrator says when it ends, and this container ends with it: Kubernetes takes a second to see that a container has ended, and
# another one if it has to end this one too.
while ! rm ending 2>/dev/null; do
  for request in *.request; do
    [ -e "$request" ] || continue
    number=${request%.request}
    mv "$request" "$number.running"
    sh "$scripts/dump.sh" before-migrate "$keep" >"$number.log" 2>&1 &
    child=$!
    wait "$child" && code=0 || code=$?
    child=
    answer "$number" "$code"
    rm "$number.running"
  done
  sleep 0.1 &
  wait $!
done
