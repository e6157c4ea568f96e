"""The directions of the house: who may import whom, read from the source (design: docs/adr/0002)."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from refund_api.storage.engines.table import ENGINES

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT: dict[str, set[str]] = {
    "wsgi": {"app"},
    "gunicorn.conf": {"app", "refund_api.serving", "refund_api.settings"},
    "app": {"flask", "refund_api", "xml_contracts"},
    "refund_api": set(),
    "refund_api.cli": {"flask", "click", "sqlalchemy", "refund_api", "xml_contracts"},
    "refund_api.help": {
        "flask",
        "werkzeug",
        "apispec",
        "jinja2",
        "markupsafe",
        "schemas.openapi",
        "xml_contracts",
        "refund_api.actions",
        "refund_api.described",
        "refund_api.help",
        "refund_api.http",
        "refund_api.once",
        "refund_api.ports",
        "refund_api.rules",
        "refund_api.settings",
        "refund_api.signing",
        "refund_api.words",
    },
    "refund_api.http": {
        "flask",
        "werkzeug",
        "schemas",
        "xml_contracts",
        "refund_api.actions",
        "refund_api.context",
        "refund_api.events",
        "refund_api.http",
        "refund_api.origins",
        "refund_api.ports",
        "refund_api.words",
        "refund_api.values",
    },
    "refund_api.http.negotiation": {"refund_api.http.media"},
    "refund_api.http.media": {"xml_contracts.reading"},
    "refund_api.cancel": {
        "xml_contracts",
        "refund_api.cancel",
        "refund_api.context",
        "refund_api.described",
        "refund_api.domain",
        "refund_api.events",
        "refund_api.parts",
        "refund_api.ports",
        "refund_api.rules",
        "refund_api.settings",
        "refund_api.signing",
        "refund_api.words",
        "refund_api.values",
    },
    "refund_api.cancel.decision": {"refund_api.domain", "refund_api.ports", "refund_api.values"},
    "refund_api.ops": {
        "prometheus_client",
        "xml_contracts.reading",
        "refund_api.__version__",
        "refund_api.events",
        "refund_api.ops",
        "refund_api.ports",
        "refund_api.rules",
        "refund_api.signing",
        "refund_api.storage",
        "refund_api.words",
    },
    "refund_api.ops.pages": {
        "flask",
        "werkzeug",
        "refund_api.http.pages",
        "refund_api.ops",
        "refund_api.ports",
        "refund_api.storage",
    },
    "refund_api.ops.line": {"structlog", "refund_api.ops"},
    "refund_api.ops.gunicorn_log": {"gunicorn", "refund_api.ops"},
    "refund_api.ops.told_errors": {"refund_api.settings"},
    "refund_api.actions": {
        "xml_contracts",
        "refund_api.cancel",
        "refund_api.context",
        "refund_api.described",
        "refund_api.events",
        "refund_api.parts",
    },
    "refund_api.words": {
        "schemas.reasons",
        "xml_contracts",
        "refund_api.domain",
        "refund_api.rules",
        "refund_api.signing.verifier",
        "refund_api.words",
    },
    "refund_api.rules": {"xml_contracts", "refund_api.signing.time_stamp"},
    "refund_api.parts": {"refund_api.ports", "refund_api.settings", "refund_api.signing"},
    "refund_api.described": {"refund_api.events", "refund_api.settings"},
    "refund_api.events": {"xml_contracts.reading", "refund_api.context", "refund_api.values"},
    "refund_api.context": {"refund_api.values"},
    "refund_api.values": set(),
    "refund_api.once": set(),
    "refund_api.signing": {"xml_contracts", "refund_api.domain", "refund_api.signing", "refund_api.values"},
    "refund_api.storage": {
        "sqlalchemy",
        "alembic",
        "refund_api.domain",
        "refund_api.once",
        "refund_api.ports",
        "refund_api.storage",
    },
    "refund_api.storage.gate": {"refund_api.ports", "refund_api.storage.liveness"},
    "refund_api.storage.engines": {"sqlalchemy", "refund_api.ports", "refund_api.storage"},
    "refund_api.storage.engines.table": {"sqlalchemy", "refund_api.storage.engines"},
    "refund_api.storage.engines.postgres": {"sqlalchemy", "psycopg", "refund_api.storage"},
    "refund_api.storage.engines.postgres_connection": {"psycopg", "refund_api.ports"},
    "refund_api.storage.engines.postgres_statements": {"sqlalchemy", "psycopg", "refund_api.storage.engines"},
    "refund_api.storage.engines.postgres_url": {"sqlalchemy", "psycopg"},
    "refund_api.serving": {
        "gunicorn",
        "refund_api.ops",
        "refund_api.ports",
        "refund_api.serving",
        "refund_api.settings",
        "refund_api.storage",
    },
    "refund_api.serving.orphans": set(),
    "refund_api.settings": {
        "refund_api.domain",
        "refund_api.origins",
        "refund_api.settings",
        "refund_api.signing",
        "refund_api.storage.engines.table",
    },
    "refund_api.origins": set(),
    "refund_api.ports": {"refund_api.domain"},
    "refund_api.domain": {"refund_api.values"},
    "schemas": {"marshmallow", "xml_contracts", "schemas"},
    "xml_contracts.parsing": {"lxml", "xml_contracts"},
    "xml_contracts": {"xml_contracts"},
}
"""Module or package -> what it may import beside the standard library; the longest key that fits decides."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    paths = [ROOT / name for name in ("app.py", "wsgi.py", "gunicorn.conf.py")]
    paths += [p for package in ("refund_api", "schemas", "xml_contracts") for p in (ROOT / package).rglob("*.py")]
    for path in sorted(paths):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports_of(module: str, tree: ast.Module, *, is_package: bool) -> Iterator[str]:
    """Absolute names of everything a module imports, wherever in it the import stands."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = [*base, *([node.module] if node.module else [])]
            if node.module in (None, "refund_api"):
                yield from (".".join([*prefix, alias.name]) for alias in node.names)
            else:
                yield ".".join(prefix)


def rule_for(module: str) -> set[str]:
    key = max((k for k in MAY_IMPORT if is_within(module, k)), key=len, default=None)
    assert key is not None, f"{module} has no row in MAY_IMPORT"
    return MAY_IMPORT[key]


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def violations(modules: Iterable[tuple[str, ast.Module]]) -> list[str]:
    found = []
    for module, tree in modules:
        allowed = rule_for(module)
        is_package = (ROOT / Path(*module.split(".")) / "__init__.py").exists()
        for name in imports_of(module, tree, is_package=is_package):
            if name.split(".")[0] in sys.stdlib_module_names or any(is_within(name, a) for a in allowed):
                continue
            found.append(f"{module} imports {name}")
    return found


def test_every_module_imports_only_what_its_room_may() -> None:
    assert violations(sources()) == []


def imports_by_name(modules: Iterable[tuple[str, ast.Module]]) -> list[str]:
    """Where a module imports what only a string names, so that no row of MAY_IMPORT could hold it."""
    importers = {"__import__", "import_module", "import_string", "import_app", "run_module", "run_path"}
    return [
        f"{module}: {ast.unparse(node)}"
        for module, tree in modules
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in importers)
        or (isinstance(node, ast.Attribute) and node.attr in importers)
        or (isinstance(node, ast.alias) and node.name in importers)
    ]


def test_nothing_is_imported_by_its_name_as_a_string() -> None:
    assert imports_by_name(sources()) == []


@pytest.mark.parametrize(
    "line",
    [
        "from importlib import import_module",
        "from importlib import import_module as load",
        "app = importlib.import_module('wsgi').app",
        "__import__('app')",
        "from werkzeug.utils import import_string",
        "util.import_app('wsgi:app')",
    ],
)
def test_an_import_by_a_string_is_found(line: str) -> None:
    assert imports_by_name([("refund_api.serving.gunicorn_server", ast.parse(line))]) != []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("refund_api.domain", "import flask"),
        ("refund_api.domain", "from .storage import tables"),
        ("refund_api.cancel.handler", "from ..http import blueprint"),
        ("refund_api.cancel.handler", "from ..storage.unit_of_work import SqlUnitOfWork"),
        ("refund_api.signing.verifier", "from ..cancel.shape import read_cancellation"),
        ("refund_api.cancel.handler", "import flask"),
        ("refund_api.cancel.decision", "from xml_contracts.refund import ApiResult"),
        ("refund_api.events", "from .signing.verifier import Cause"),
        ("refund_api.words", "from ..cancel.shape import read_cancellation"),
        ("refund_api.ports", "from .signing import verifier"),
        ("gunicorn.conf", "import flask"),
        ("refund_api.serving.gunicorn_server", "from wsgi import app"),
        ("refund_api.cli.serve", "from app import create_app"),
        ("refund_api.http.negotiation", "def f():\n    import flask"),
        ("refund_api.storage.ledger", "from ..handler import CancelOrder"),
        ("refund_api.storage.ledger", "import psycopg"),
        ("refund_api.settings", "from ..storage.engines.urls import make_engine"),
        ("xml_contracts.writer", "from lxml import etree"),
        ("xml_contracts.reader", "from lxml import etree"),
        ("xml_contracts.contract", "import marshmallow"),
        ("schemas.build", "from refund_api.http.media import HttpError"),
        ("refund_api.http.negotiation", "from refund_api.http import body"),
    ],
)
def test_a_planted_violation_is_found(module: str, line: str) -> None:
    assert len(violations([(module, ast.parse(line))])) == 1


def test_no_module_and_no_function_grows_past_its_room() -> None:
    too_long = []
    for module, tree in sources():
        lines = path_of(module).read_text(encoding="utf-8").count("\n")
        if lines > 250:
            too_long.append(f"{module}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > 40:
                    too_long.append(f"{module}.{node.name}: {length} lines")
    assert too_long == []


def path_of(module: str) -> Path:
    if module == "gunicorn.conf":
        return ROOT / "gunicorn.conf.py"
    path = ROOT / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_the_picture_in_the_readme_has_every_package_and_module_of_the_house() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = text.partition("## The house")[2].partition("```")[2].partition("```")[0]
    drawn = set(re.findall(r"[\w.]+/|[\w.]+\.py", picture))
    packages = {f"{path.parent.name}/" for path in (ROOT / "refund_api").rglob("__init__.py")}
    packages -= {"migrations/", "versions/"}
    modules = {path.name for path in (ROOT / "refund_api").glob("*.py")} - {"__init__.py"}
    assert packages | modules | {"app.py", "wsgi.py", "gunicorn.conf.py", "schemas/", "xml_contracts/"} <= drawn
    assert drawn <= packages | modules | {
        *(f"{path.name}/" for path in ROOT.rglob("*") if path.is_dir() and ".venv" not in path.parts),
        *(path.name for path in ROOT.rglob("*.py") if ".venv" not in path.parts),
    }


def test_every_row_of_the_table_speaks_of_a_module_that_exists() -> None:
    names = {name for name, _ in sources()}
    assert [key for key in MAY_IMPORT if key not in names] == []


def test_every_library_stays_in_its_rooms() -> None:
    rooms = {
        "lxml": {"xml_contracts.parsing"},
        "marshmallow": {"schemas"},
        "sqlalchemy": {"refund_api.storage", "refund_api.cli"},
        "alembic": {"refund_api.storage"},
        "psycopg": {
            f"refund_api.storage.engines.postgres{part}" for part in ("", "_connection", "_statements", "_url")
        },
        "sqlite3": {f"refund_api.storage.engines.sqlite{part}" for part in ("", "_file", "_snapshot", "_statements")},
        "fcntl": {"refund_api.storage.engines.file_lock"},
        "structlog": {"refund_api.ops.line"},
        "gunicorn": {"refund_api.serving", "refund_api.ops.gunicorn_log"},
        "flask": {"app", "refund_api.http", "refund_api.help", "refund_api.ops.pages", "refund_api.cli"},
        "prometheus_client": {"refund_api.ops"},
        "apispec": {"refund_api.help"},
    }
    for library, allowed in rooms.items():
        users = {
            module
            for module, tree in sources()
            for name in imports_of(module, tree, is_package=False)
            if name.split(".")[0] == library
        }
        assert users, f"nobody imports {library}: the test looks in the wrong place"
        assert [u for u in users if not any(is_within(u, room) for room in allowed)] == []


def engines_named(modules: Iterable[tuple[str, ast.Module]]) -> list[str]:
    """Where a module knows an engine: by its name, by its URL, or by asking a dialect how it is called."""
    names = {row.dialect for row in ENGINES}.union(*(row.schemes for row in ENGINES))
    return [
        f"{module}: {ast.unparse(node)}"
        for module, tree in modules
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and str(node.value).partition("://")[0] in names)
        or (isinstance(node, ast.Attribute) and ast.unparse(node).endswith("dialect.name"))
        or (isinstance(node, ast.ImportFrom) and str(node.module).startswith("sqlalchemy.dialects"))
    ]


def test_no_engine_is_named_outside_the_engines_and_the_migrations() -> None:
    rooms = ("refund_api.storage.engines", "refund_api.storage.migrations")
    others = [(module, tree) for module, tree in sources() if not any(is_within(module, room) for room in rooms)]
    assert engines_named(others) == ["refund_api.settings: 'sqlite:///instance/refunds.db'"], "the default, and no more"


@pytest.mark.parametrize(
    "line",
    [
        "if url.startswith('sqlite'): pass",
        "if engine.dialect.name == OURS: pass",
        "make_engine('postgresql+psycopg://h/db', threads=1)",
        "from sqlalchemy.dialects.postgresql import insert",
    ],
)
def test_an_engine_that_is_named_is_found(line: str) -> None:
    assert len(engines_named([("refund_api.storage.ledger", ast.parse(line))])) == 1
