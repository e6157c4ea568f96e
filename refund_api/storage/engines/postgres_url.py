"""URLs of PostgreSQL as people write them: SQLAlchemy's spelling, or libpq's with a list of hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psycopg
from sqlalchemy import URL
from sqlalchemy.engine import make_url

_HOST = re.compile(r"(\[(?P<ipv6>[^]]+)]|(?P<name>[^:[]+))(:(?P<port>[0-9]*))?")
_OPTIONS = frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())


def parse(url: str) -> URL:
    """The URL as SQLAlchemy and psycopg take it. ValueError, whose text has no password: libpq could not use it."""
    parsed = make_url(_spelled_for_sqlalchemy(url)).set(drivername="postgresql+psycopg")
    unknown = sorted(parsed.query.keys() - _OPTIONS)
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not known to libpq, PostgreSQL's client library")
    if any("[" in host for host in hosts(parsed)):  # SQLAlchemy garbles these
        raise ValueError(f"{hosts(parsed)}: write IPv6 addresses as postgresql://user@[::1]:5432,[::2]:5432/database")
    return parsed


def hosts(url: URL) -> Sequence[str]:
    """The servers that the query of the URL names; a URL with one host before the path names none there."""
    named = url.query.get("host", "")
    return named.split(",") if isinstance(named, str) else named


def _spelled_for_sqlalchemy(url: str) -> str:
    """libpq's `//user@h1:5432,[::1]:5432/db` as `//user@/db?host=h1,::1&port=5432,5432`, which SQLAlchemy takes."""
    scheme, slashes, rest = url.partition("://")
    netloc, _, tail = rest.partition("/")
    user, at, listed = netloc.rpartition("@")
    if "," not in listed:
        return url
    path, _, query = tail.partition("?")
    matches = [_HOST.fullmatch(host) for host in listed.split(",")]
    if None in matches:
        raise ValueError(f"{listed}: not host:port, or [address]:port for IPv6, separated by commas")
    names = ",".join(match["ipv6"] or match["name"] for match in matches if match)
    ports = ",".join(match["port"] or "" for match in matches if match)
    return f"{scheme}{slashes}{user}{at}/{path}?" + "&".join([f"host={names}", f"port={ports}", *filter(None, [query])])
