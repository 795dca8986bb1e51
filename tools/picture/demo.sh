#!/bin/sh
# Prints what a terminal of 100 columns shows of the demo, without the statements about roles: the picture of the README.
set -eu
demo=$(mktemp -d)
trap 'make --silent demo-down DEMO="$demo" >/dev/null; rm -rf "$demo"' EXIT
type() { printf '\n\033[1;32m$\033[0m \033[1m%s\033[0m\n' "$*"; }
plain() { sed "/^roles/d; /^postgres /d; s#$demo#.demo#g" | cut -c1-100; }
type make demo
make --silent demo DEMO="$demo" 2>&1 | plain | sed '/^$/,$d'
type migrator/target/dist/bin/learnflow-db verify --embedded .demo
migrator/target/dist/bin/learnflow-db verify --embedded "$demo" 2>&1 | plain
