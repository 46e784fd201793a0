#!/bin/sh
# policy-gate.sh LOAD PRESENT PROPOSED: for a pipeline. Exit code 3 when the proposed scaling policy would have cost over 5 %
# more than the present one on the recorded load, or would have been under need for over 1 % of the time on any of it.
set -eu
exec "${PLIMSOLL:-plimsoll}" backtest "$1" --against "$2" --policy "$3" --startup 60s,180s --skip 6h --quiet \
    --fail-if 'price > 1.05 * against' \
    --fail-if 'worst under_time > 1%'
