"""make_engine: URL -> SQLAlchemy engine. Opens nothing, and a forked child opens its own."""

from __future__ import annotations

import os
import re
import weakref
from functools import partial
from importlib.util import find_spec

from sqlalchemy import Engine, Pool
from sqlalchemy.engine import make_url

from .sqlite import make_sqlite

_POSTGRES = {"postgres", "postgresql", "postgresql+psycopg"}
_HOST = re.compile(r"(\[(?P<ipv6>[^]]+)]|(?P<name>[^:[]+))(:(?P<port>[0-9]*))?")
_inherited: list[Pool] = []


def make_engine(url: str, *, threads: int) -> Engine:
    """An engine with one connection a thread. ValueError: what is wrong with the URL."""
    wanted = make_url(_libpq_hosts(url))
    if wanted.drivername in {"sqlite", "sqlite+pysqlite"}:
        if "?" in url:
            raise ValueError(f"{url}: a file needs no options; a ? in its name is written %3F")
        engine = make_sqlite(wanted, threads=threads)
    elif wanted.drivername in _POSTGRES:
        if find_spec("psycopg") is None:
            raise ValueError("PostgreSQL needs psycopg: pip install 'psycopg[binary]>=3.2.3'")
        from .postgres import make_postgres

        engine = make_postgres(wanted, threads=threads)
    else:
        raise ValueError(f"{wanted}: neither sqlite nor postgresql")
    os.register_at_fork(after_in_child=partial(forget_inherited, weakref.ref(engine)))
    return engine


def _libpq_hosts(url: str) -> str:
    """libpq's `//user@h1:5432,[::1]:5432/db` as `//user@/db?host=h1,::1&port=5432,5432`, which SQLAlchemy takes."""
    scheme, slashes, rest = url.partition("://")
    netloc, _, tail = rest.partition("/")
    user, at, hosts = netloc.rpartition("@")
    if "," not in hosts:
        return url
    path, _, query = tail.partition("?")
    found = [one for host in hosts.split(",") if (one := _HOST.fullmatch(host))]
    if len(found) <= hosts.count(","):
        raise ValueError(f"{hosts}: not host:port, or [address]:port for IPv6, separated by commas")
    names = ",".join(one["ipv6"] or one["name"] for one in found)
    ports = ",".join(one["port"] or "" for one in found)
    return f"{scheme}{slashes}{user}{at}/{path}?" + "&".join([f"host={names}", f"port={ports}", *filter(None, [query])])


def forget_inherited(reference: weakref.ref[Engine]) -> None:
    """In a forked child: leave the parent's connections alone and begin with none."""
    engine = reference()
    if engine is not None:
        # Kept, not closed: closing what the parent uses corrupts it (SQLite) or ends it (PostgreSQL).
        _inherited.append(engine.pool)
        engine.dispose(close=False)
