"""gunicorn's log, in the shape of all lines, and without what gunicorn quotes of requests.

gunicorn repeats what it cannot read, and that may be a body: of a client that sends no Content-Length, the body is read
as the next request. Of a request it repeats the query, which has all members when a form is sent with GET.
"""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from typing import Any, Final

from gunicorn.glogging import Logger

from . import logging_setup, told_errors

LONGEST_PATH: Final = 256
"""Characters; what is behind them is cut off."""


class GunicornLog(Logger):  # type: ignore[misc]
    """gunicorn's `logger_class`. All of gunicorn's options for log files are left alone, but for a switch.

    `--access-logfile -` writes a line for every request that gunicorn has answered, also those that no application saw.
    """

    def setup(self, cfg: Any) -> None:
        """Called at the start, and again on SIGHUP."""
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        logging_setup.configure(self.loglevel)
        for logger in (self.error_log, self.access_log):
            logger.setLevel(logging.NOTSET)
            logger.propagate = True

    @property
    def access_log_enabled(self) -> bool:
        """Whether there is a line for each request."""
        return bool(self.cfg.accesslog)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Log an answer as gunicorn has sent it."""
        if not self.access_log_enabled:
            return
        fields = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["RAW_URI"].partition("?")[0][:LONGEST_PATH],
            "status": int(str(resp.status).partition(" ")[0]),
            "bytes": resp.sent,
            "milliseconds": round(request_time / timedelta(milliseconds=1), 1),
            "source": environ["REMOTE_ADDR"],
            "request_id": environ.get("refund_api.request_id"),
        }
        self.access_log.info("access", extra={"fields": fields})

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """`msg` may quote the exception that is being handled."""
        error = sys.exc_info()[1]
        quoted = str(error) if error is not None else ""
        super().warning(msg.replace(quoted, told_errors.in_words(error)) if error and quoted else msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """`args` may have the target of a request."""
        shown = [argument.partition("?")[0] if isinstance(argument, str) else argument for argument in args]
        super().exception(msg, *shown, **kwargs)
