#!/bin/sh
# start.sh PORT: one nginx on loopback, with a configuration and a folder of its own, which is removed at the end.
set -eu

dir=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-nginx.XXXXXX")
trap 'rm -rf "$dir"' EXIT
sed -e "s|@PORT@|$1|g" -e "s|@DIR@|$dir|g" -e "s|@ROOT@|$PWD/www|g" nginx.conf.in > "$dir/nginx.conf"

nginx -e stderr -p "$dir" -c "$dir/nginx.conf" -g 'daemon off;' &
trap 'kill -TERM $! 2>/dev/null || true' TERM INT

# A signal ends the first wait; the second one waits for nginx to go and hands on how it ended.
status=0
wait $! || status=$?
if kill -0 $! 2>/dev/null; then
    status=0
    wait $! || status=$?
fi
exit "$status"
