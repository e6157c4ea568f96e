"""`python -m tests.chaos.check DIR` judges saved runs again, by the record of their clients and the dump of their ledger.

Every chaos program takes `--save DIR`; of a run that found something wrong all stays without it. Exit status 1 when
anything is wrong, 2 when there is no run to judge. Of a control it must be 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.chaos.report import print_figures, print_violations

from .judging import judge_saved, saved_runs


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.check", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR")
    directory: Path = parser.parse_args(arguments).directory
    runs = {str(run.relative_to(directory)): judge_saved(run) for run in saved_runs(directory)}
    if not runs:
        print(f"there is no saved run in {directory}", file=sys.stderr)
        return 2
    for name, (_, found) in runs.items():
        print_violations(name, found)
    print_figures({name: figures for name, (figures, _) in runs.items()}, as_json=False)
    return 1 if any(sentences for _, found in runs.values() for sentences in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
