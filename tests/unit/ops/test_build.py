"""What /version says of a checkout and of an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from refund_api.ops.build import revision

COMMIT = "d7bc8bb5f1a09a4b0e5a2c61c51a36e01a2f8f10"


@pytest.mark.parametrize(
    "files",
    [
        {"HEAD": f"{COMMIT}\n"},
        {"HEAD": "ref: refs/heads/main\n", "refs/heads/main": f"{COMMIT}\n"},
        {
            "HEAD": "ref: refs/heads/main\n",
            "packed-refs": f"# pack-refs\n{'0' * 40} refs/heads/old-main\n{COMMIT} refs/heads/main\n",
        },
    ],
    ids=["detached", "branch", "packed"],
)
def test_the_revision_of_a_checkout_is_its_commit(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert revision(tmp_path) == COMMIT


def test_an_installed_package_has_no_revision(tmp_path: Path) -> None:
    assert revision(tmp_path / ".git") is None


def test_a_branch_without_a_commit_has_no_revision(tmp_path: Path) -> None:
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "packed-refs").write_text("# pack-refs\n")
    assert revision(tmp_path) is None
