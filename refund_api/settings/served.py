"""The settings that a server works with: gunicorn's master reads them, and its workers take what it has read."""

from __future__ import annotations

import logging
from collections.abc import Callable

from . import Settings, SettingsError

log = logging.getLogger(__name__)

_serving: Settings | None = None


def are_read() -> bool:
    """Whether a master has read the settings: read_serving_settings was called in this process or before its fork."""
    return _serving is not None


def serving_settings() -> Settings:
    """The settings that gunicorn's master read before it forked this worker, so all workers have the same.

    Without such a master, the settings of the environment as they are now.
    """
    return _serving or read_serving_settings()


def read_serving_settings(refuse: Callable[[Settings], None] | None = None) -> Settings:
    """The settings of the environment as they are now, fit for serving; SettingsError at the start.

    gunicorn's configuration calls this in the master, and again on SIGHUP. Settings that cannot be used then are
    logged, and the former ones stay. `refuse` raises SettingsError for what cannot be judged here.
    """
    global _serving
    try:
        settings = Settings.from_environ().for_serving()
        if refuse is not None:
            refuse(settings)
        _serving = settings
    except SettingsError as error:
        if _serving is None:
            raise
        log.critical("settings not taken over, the former ones stay: %s", error)
    return _serving
