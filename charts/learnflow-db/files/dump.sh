# Dumps a database, reads the dump back completely, and only then names and records it:  sh dump.sh KIND KEEP
# Dumps of a kind that are older than the newest KEEP are removed afterwards. libpq's variables give the database's address,
# along with PGPASSWORD_FILE and PGDUMP_DIR. Each line of an error begins as the migrator's errors do, which reads them.
set -eu
kind=$1
keep=$2
export PGAPPNAME=learnflow-db-dump PGCONNECT_TIMEOUT=30
umask 077
# Uses only sh, PostgreSQL's programs, and those of coreutils and sed that small images have.
case $0 in
  */*) scripts=$(cd "${0%/*}" && pwd) ;;
  *) scripts=$PWD ;;
esac

name=$kind-$(date -u +%Y%m%dT%H%M%SZ).dump
part=$kind.part
problem="no dump was created"
next="correct the cause and repeat; where the volume of the dumps is full: docs/how-to/backup.md, the server's: docs/how-to/volume.md"
ended() {
  code=$?
  if [ "$code" != 0 ]; then
    rm -f "$PGDUMP_DIR/$part"
    echo "error: $problem of database $PGDATABASE on $PGHOST, see above" >&2
    echo "  where: $(df -Ph "$PGDUMP_DIR" | tail -n 1)" >&2
    echo "  state: the dumps before it are kept$([ "$kind" != before-migrate ] || echo '; no migration was applied')" >&2
    echo "  next:  $next" >&2
  fi
  exit "$code"
}
trap ended EXIT

# What takes long runs beside this shell, which would otherwise see a signal only when it has ended.
child=
trap '[ -z "$child" ] || kill "$child"; exit 1' TERM INT
run() {
  "$@" &
  child=$!
  wait "$child" && code=0 || code=$?
  child=
  if [ "$code" = 137 ]; then
    echo "$1 was killed, probably because it needed more memory than the container may use" >&2
    next="raise backup.resources.limits.memory, and run the same command again"
  fi
  return "$code"
}

PGPASSWORD=$(cat "$PGPASSWORD_FILE")
export PGPASSWORD
ask() {
  psql --no-psqlrc --quiet --tuples-only --no-align --no-password --set ON_ERROR_STOP=1 "$@"
}

client=$(pg_dump --version)
client=${client##*PostgreSQL) }
client=${client%%[!0-9]*}
server=$(ask --command "SELECT current_setting('server_version_num')::int / 10000")
if [ "$client" -lt "$server" ]; then
  echo "the server is PostgreSQL $server, and pg_dump of this image only reads up to PostgreSQL $client" >&2
  next="set postgresql.image to an image of PostgreSQL $server, and run the same command again"
  exit 1
fi

cd "$PGDUMP_DIR"
version=$(ask --command "SELECT coalesce((SELECT version FROM public.flyway_schema_history
  WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1), 'none')")
echo "dumping $PGDATABASE, schema $version, $(ask --command 'SELECT pg_size_pretty(pg_database_size(current_database()))')"

# If row level security applies to the owner, too, dumps only if the owner certainly sees all rows, from start to end.
tab=$(printf '\t')
ask_row_security() {
  ask --field-separator "$tab" --file "$scripts/hidden-rows.sql"
}
row_security() {
  printf '%s\n' "$security" | sed -n "/${tab}r${tab}$1${tab}/p"
}
security=$(ask_row_security)
hidden=$(row_security policies | cut -f 1)
if [ -n "$hidden" ]; then
  echo "row level security hides rows of these tables from $PGUSER:" $hidden >&2
  next="let it see all rows, in a migration: CREATE POLICY owner_sees_all ON ... TO $PGUSER USING (true); docs/how-to/backup.md"
  exit 1
fi
shown=$(row_security nothing)

# What it may not read is left out where it is an admin's, and ends this where it is the database's own.
found=$(ask --field-separator "$tab" --command "SET search_path = pg_catalog, pg_temp" --file "$scripts/not-restorable.sql")
set --
while IFS="$tab" read -r effect object text; do
  case $effect in
    refused)
      echo "$PGUSER cannot read $object" >&2
      next="as its owner or an admin: $text"
      exit 1
      ;;
    "excluded schema") set -- "$@" "--exclude-schema=$object" ;;
    "excluded table") set -- "$@" "--exclude-table=$object" ;;
  esac
  [ -z "$text" ] || echo "warning: $text"
done <<END
$found
END

# Made new, and through no link.
rm -f "$part"
set -C
run pg_dump --format=custom --no-password --lock-wait-timeout=60s "$@" ${shown:+--enable-row-security} >"$part"
set +C
security=$(ask_row_security)
if [ "$(row_security nothing)" != "$shown" ]; then
  echo "row level security policies changed while the dump was being created, so it may lack rows" >&2
  exit 1
fi
run pg_restore --file=/dev/null "$part"
sync "$part"
bytes=$(wc -c <"$part")
sha256=$(sha256sum "$part" | cut -d ' ' -f 1)
mv "$part" "$name"
problem="$name was made, but not recorded,"
ask --set kind="$kind" --set name="$name" --set bytes="$bytes" --set sha256="$sha256" --set version="$version" <<'SQL'
SELECT to_regclass('learnflow_db.backups') IS NOT NULL AS recorded \gset
\if :recorded
  INSERT INTO learnflow_db.backups (kind, name, bytes, sha256, schema_version)
  VALUES (:'kind', :'name', :'bytes', :'sha256', :'version');
\endif
SQL
problem="$name was recorded, but not for metrics,"
ask --command "SET search_path = pg_catalog, pg_temp" --file "$scripts/recorded.sql"
echo "$name: $bytes bytes, SHA-256 $sha256"

# Their names sort by time.
ls -1 "$kind"-*.dump | head -n "-$keep" | while IFS= read -r old; do
  rm -f "$old"
  echo "removed $old"
done
