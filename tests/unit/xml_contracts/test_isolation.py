"""The package is a library of its own: the standard library and lxml are all it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lxml

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import sys

class Refuse:
    allowed = {*sys.stdlib_module_names, "lxml", "xml_contracts"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.allowed:
            raise ImportError(f"{name} is refused")

sys.meta_path.insert(0, Refuse())
sys.path += sys.argv[1:]

from xml_contracts import DataContractSerializer
from xml_contracts.refund import ApiResult

serializer = DataContractSerializer(ApiResult)
assert serializer.read(serializer.write(ApiResult(1, "ok"))) == ApiResult(1, "ok")
try:
    import flask
except ImportError:
    print(sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__main__"}))
"""


def test_it_works_with_nothing_but_lxml_importable() -> None:
    site_packages = str(Path(lxml.__file__).parents[1])
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(ROOT), site_packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    foreign = {"flask", "werkzeug", "marshmallow", "sqlalchemy", "refund_api", "schemas"}
    assert "'lxml'" in done.stdout
    assert not any(f"'{name}'" in done.stdout for name in foreign)
