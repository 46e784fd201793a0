#!/usr/bin/env bash
# record.sh PLIMSOLL OUT.tar.gz: the state directory that a release leaves after a crash, for tests/upgrade.rs.
#
# Run with the program of the release that is upgraded from. Needs python3 for a free port and a few requests.
set -euo pipefail
plimsoll=$(realpath "$1")
out=$(realpath -m "$2")
dir=$(mktemp -d /tmp/plmup.XXXXXX)
trap 'PLIMSOLL_STATE_DIR=$dir/s "$plimsoll" down --now >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed "s/PORT/$port/" "$(dirname "$0")/spec.toml" >"$dir/spec.toml"
export PLIMSOLL_STATE_DIR=$dir/s
"$plimsoll" up "$dir/spec.toml" >"$dir/log" 2>&1 &
daemon=$!
until [ "$("$plimsoll" status --output json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["services"][0]["ready"])' 2>/dev/null)" = 2 ]; do sleep 0.1; done
"$plimsoll" load "http://127.0.0.1:$port/" --rate 50 --duration 3 -q >/dev/null
"$plimsoll" event release --service web --for 300d --factor 1.5 --by ci >/dev/null
"$plimsoll" scale web 3 --until-resumed --by alice >/dev/null
"$plimsoll" job run hello >/dev/null
sed -i 's/max = 5/max = 6/' "$dir/spec.toml"
"$plimsoll" reload >/dev/null
until [ "$("$plimsoll" status --output json | python3 -c 'import json, sys; print(json.load(sys.stdin)["services"][0]["ready"])')" = 3 ]; do sleep 0.1; done
# A crash: nothing is closed in order, and what ran is gone, as after a power cut.
kill -9 $daemon
"$plimsoll" down --now >/dev/null 2>&1 || true
# Sockets, the token, records of the processes (with paths of the machine), logs and the history store (a database of its own, a megabyte at least) stay out.
find "$dir/s" -type s -delete
find "$dir/s" -name '*.log*' -delete
rm -rf "$dir/s"/history* "$dir/s"/*.lock "$dir/s/token" "$dir/s/driver" "$dir/s/journal/reserve"
tar -C "$dir" --sort=name --owner=0 --group=0 --numeric-owner -czf "$out" s spec.toml
ls -l "$out"
tar -tzvf "$out"
