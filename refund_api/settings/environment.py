"""What the environment says: the text of each setting, where it stands, and which names are mistakes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .declare import PREFIX, SettingsError, Variable

# A Kubernetes service called refund-api, or refund-api-something, puts these into the environment of every pod.
_OF_KUBERNETES: Final = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_PORT_OF_KUBERNETES: Final = re.compile(rf"{PREFIX}(\w+_)?PORT=(tcp|udp|sctp)://.*")


@dataclass(frozen=True, slots=True)
class Given:
    """The text that an operator has given to a setting, and the file it was read from, if it was one."""

    text: str
    file: Path | None = None


def find(environ: Mapping[str, str], variable: Variable) -> Given | None:
    """What is given to a setting; None: nothing, or a blank value. SettingsError: a file cannot be used."""
    value = environ.get(variable.name, "").strip()
    path = "" if variable.mask is None else environ.get(variable.file_name, "")
    if not path:
        return Given(value) if value else None
    if value:
        raise SettingsError(f"{variable.name} and {variable.file_name} are both set; keep one")
    return Given(_content(variable.file_name, Path(path)), Path(path))


def _content(name: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{name}: cannot read {path}: {reason}") from None
    if not text:
        raise SettingsError(f"{name}: {path} is empty")
    return text


def unknown_names(environ: Mapping[str, str], variables: Iterable[Variable]) -> Iterator[str]:
    """A sentence for each name with our prefix that sets nothing."""
    known = [name for variable in variables for name in variable.names]
    for name in sorted({name for name in environ if name.startswith(PREFIX)}.difference(known)):
        if not _is_of_kubernetes(name, environ[name]):
            # Compared without the prefix, which would make every name resemble every other.
            short = {each.removeprefix(PREFIX): each for each in known}
            close = difflib.get_close_matches(name.removeprefix(PREFIX), short, n=1)
            hint = f"did you mean {short[close[0]]}?" if close else "`refund-api settings` lists them."
            yield f"{name} is not a setting; {hint}"


def _is_of_kubernetes(name: str, value: str) -> bool:
    """Whether Kubernetes has put this there. A bare number in REFUND_API_PORT has been put there by somebody else."""
    return bool(_OF_KUBERNETES.fullmatch(name) or _PORT_OF_KUBERNETES.fullmatch(f"{name}={value}"))
