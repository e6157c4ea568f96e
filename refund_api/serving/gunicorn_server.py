"""gunicorn as `refund-api serve` runs it: configured by the package, wherever the working directory is.

gunicorn's own command would run a gunicorn.conf.py, and import an application, of the working directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gunicorn.app.base import Application
from gunicorn.errors import ConfigError

from . import configuration

WsgiApp = Callable[..., Iterable[bytes]]


class GunicornServer(Application):  # type: ignore[misc]  # gunicorn has no types
    """`options` are gunicorn's, as on its command line; they go before GUNICORN_CMD_ARGS, and those before ours.

    `make_app` makes what a worker serves. It is called in each worker, so that nothing open crosses a fork.
    """

    def __init__(self, options: Sequence[str], make_app: Callable[[], WsgiApp]) -> None:
        self._options = options
        self._make_app = make_app
        super().__init__(prog="refund-api serve")

    def load_config(self) -> None:
        """Called by gunicorn at the start and at each SIGHUP."""
        self._set(configuration())
        parser = self.cfg.parser()
        for arguments in (self.cfg.get_cmd_args_from_env(), self._options):
            given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
            if given.pop("args"):
                raise ConfigError("there is nothing to name but options: the application is known")
            if "config" in given:
                self.load_config_from_file(given["config"])
            self._set(given)
        os.chdir(self.cfg.chdir)

    def load(self) -> WsgiApp:
        """Called by gunicorn in each worker."""
        return self._make_app()

    def _set(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self.cfg.set(name, value)
