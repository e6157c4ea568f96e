"""`python -m tests.chaos.check DIR` judges saved runs again, by the record of their clients and the dump of their ledger.

Every chaos program takes `--save DIR`. It saves a run in which something was wrong without that option too. Exit status 1
when anything is wrong, 2 when there is no run to judge. For the run of a control, which has a safeguard taken away, 1 is
right.
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
    for name, (_, by_kind) in runs.items():
        print_violations(name, by_kind)
    print_figures({name: figures for name, (figures, _) in runs.items()}, as_json=False)
    return 1 if any(sentences for _, by_kind in runs.values() for sentences in by_kind.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
