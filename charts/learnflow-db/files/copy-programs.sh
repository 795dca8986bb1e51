# Copies PostgreSQL's programs, with the dynamic loader and the libraries that they need, so that a container of another image runs
# them:  sh copy-programs.sh FOLDER
# Uses only sh and those programs of coreutils and sed that small images have.
set -eu
to=$1

loader=
for file in /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* /lib/ld-musl-*.so.*; do
  if [ -x "$file" ]; then
    loader=$file
    break
  fi
done
if [ -z "$loader" ]; then
  echo "error: this image has no dynamic loader in /lib64 or /lib" >&2
  exit 1
fi
cp -L "$loader" "$to/loader"

# Debian's pg_dump on PATH is a script in Perl, which finds the program.
find_program() {
  for file in /usr/lib/postgresql/*/bin/"$1" $(command -v "$1"); do
    if [ "$(head -c 4 "$file" 2>/dev/null)" = "$(printf '\177ELF')" ]; then
      echo "$file"
      return
    fi
  done
  echo "error: this image has no program $1" >&2
  return 1
}

for name in pg_dump pg_restore; do
  program=$(find_program "$name")
  cp -L "$program" "$to/$name"
  # A line is "libpq.so.5 => /usr/lib/.../libpq.so.5 (0x...)".
  "$loader" --list "$program" | sed -n 's/^[^=]*=> \(\/[^ ]*\) .*/\1/p' | while read -r library; do
    [ -e "$to/${library##*/}" ] || cp -L "$library" "$to/"
  done
done
"$to/loader" --library-path "$to" "$to/pg_restore" --version
