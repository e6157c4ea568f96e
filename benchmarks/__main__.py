"""`python -m benchmarks [PART ...]`: the service beside its peers, all of them in one run, in rounds in turn.

Parts: codec (codecs and the WSGI call), http (without a database), cancels (the whole job), growth. Each writes JSON, a
table and a picture into benchmarks/results/, and its goals on the terminal. Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import cancels, codec, growth, http_calls
from benchmarks.effort import QUICK, THOROUGH
from benchmarks.results import FOLDER, markdown, write

PARTS = {"codec": codec.measure, "http": http_calls.measure, "cancels": cancels.measure, "growth": growth.measure}
USUAL = ("codec", "http", "cancels")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"default: {' '.join(USUAL)}")
    parser.add_argument("--quick", action="store_true", help="one short round each: it shows that it runs, no figure")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--results", type=Path, help="where the files go; default: benchmarks/results, --quick: nowhere"
    )
    parser.add_argument("--old", type=Path, help="growth: a checkout of earlier code to compare with")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the servers are stopped too
    folder = chosen.results or (None if chosen.quick else FOLDER)
    effort = replace(QUICK if chosen.quick else THOROUGH, old=chosen.old)
    reports = []
    for part in chosen.parts or USUAL:
        began = time.monotonic()
        report = PARTS[part](effort)
        reports.append(report)
        if folder is not None:
            write(report, folder)
        if not chosen.json:
            print(f"{markdown(report)}\n{part}: {time.monotonic() - began:.0f} s\n", flush=True)
    if chosen.json:
        print(json.dumps({report.part: report.as_json() for report in reports}, ensure_ascii=False))
    else:
        print("Goals", *(f"  {goal}" for report in reports for goal in report.goals), sep="\n")
    return 0 if all(report.passed for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
