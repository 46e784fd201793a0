#!/bin/sh
# start.sh PORT: one nginx on loopback, with a configuration and a folder of its own, which is removed at the end.
set -eu

pid=
stopping=
dir=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-nginx.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'stopping=1; [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true' TERM INT

sed -e "s|@PORT@|$1|g" -e "s|@DIR@|$dir|g" -e "s|@ROOT@|$PWD/www|g" nginx.conf.in > "$dir/nginx.conf"
nginx -e stderr -p "$dir" -c "$dir/nginx.conf" -g 'daemon off;' &
pid=$!
# A signal that came before there was a process to hand it to.
[ -z "$stopping" ] || kill -TERM "$pid"

status=0
wait "$pid" || status=$?
if [ -n "$stopping" ]; then
    # The signal ended the wait, not nginx; being told to stop and stopping is no failure.
    while kill -0 "$pid" 2>/dev/null; do
        wait "$pid" || true
    done
    status=0
fi
exit "$status"
