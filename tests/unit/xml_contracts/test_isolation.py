"""The package is a library of its own: the standard library and lxml are all it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lxml

import xml_contracts

PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from xml_contracts import DataContractSerializer
from xml_contracts.refund import ApiResult

serializer = DataContractSerializer(ApiResult)
assert serializer.read(serializer.write(ApiResult(1, "ok"))) == ApiResult(1, "ok")
try:
    import flask
except ImportError:
    print("bare")
"""


def test_it_works_in_an_environment_that_has_nothing_but_lxml(tmp_path: Path) -> None:
    for package in (xml_contracts, lxml):
        directory = Path(package.__file__ or "").parent
        (tmp_path / directory.name).symlink_to(directory)
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(tmp_path)]  # no site-packages, no working directory
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("bare\n", "")
