"""Where a chaos program keeps what a run leaves: the clients' record, the dump of the ledger, logs."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Run:
    """What `directory` has stays when something `is_wrong`."""

    directory: Path
    is_wrong: bool = False


def add_save_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep records and ledgers, whatever is found")


@contextmanager
def saved_run(program: str, save: Path | None) -> Iterator[Run]:
    """A new directory, or `save`, which must not be there yet. It also stays when the program fails. FileExistsError."""
    if save is None:
        run = Run(Path(tempfile.mkdtemp(prefix=f"{program}-")))
    else:
        save.mkdir(parents=True)
        run = Run(save.absolute())
    stays = True
    try:
        yield run
        stays = run.is_wrong or save is not None
    finally:
        if stays:
            print(f"{program}: `python -m tests.chaos.check {run.directory}` judges it again", file=sys.stderr)
        else:
            shutil.rmtree(run.directory)
