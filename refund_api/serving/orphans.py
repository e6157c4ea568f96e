"""A worker whose master was killed ends by itself, and soon, so that a new master can listen on the port.

gunicorn's workers notice within a second that their master is gone, and then give their clients up to 25 seconds more.
All that time they hold the port. Here the kernel tells a worker by a signal, which begins the same graceful end; three
seconds later a second one ends it whatever it is waiting for. A request that is cut off so is safe to send again.

Only Linux has such a signal. Elsewhere gunicorn's own way is all there is.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import FrameType
from typing import Final

GRACE_SECONDS: Final = 3

_SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG, <linux/prctl.h>
_MASTER_DIED: Final = signal.SIGUSR2  # gunicorn's workers have no use for it


def end_with_master(master: int) -> None:
    """In a worker: from now on its end begins when the process `master`, its parent, has died.

    Called when the worker has its signals and its user: gunicorn resets the handlers of signals, and the kernel forgets
    the wish of a process that changes its user.
    """
    if sys.platform != "linux":
        return
    signal.signal(_MASTER_DIED, _end)
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, int(_MASTER_DIED), 0, 0, 0)
    if os.getppid() != master:  # it died before the kernel knew of the wish
        signal.raise_signal(_MASTER_DIED)


def _end(_signal: int, _frame: FrameType | None) -> None:
    signal.alarm(GRACE_SECONDS)  # SIGALRM, which nobody handles, ends the process also while it waits in a system call
    signal.raise_signal(signal.SIGTERM)  # gunicorn's graceful end
