"""`make soak` is `python -m tests.chaos.soak`; run.py says what it does."""

from __future__ import annotations

import sys

from .run import main

if __name__ == "__main__":
    sys.exit(main())
