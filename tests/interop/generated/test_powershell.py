"""The script for PowerShell on the page of the action is PowerShell, by the grammar of tree-sitter.

Neither Debian nor PyPI nor npm has a PowerShell, so the script is never run; the page says so.
"""

from __future__ import annotations

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from tests.unit.help.pages import ACTION_PAGE, document

(PRE,) = document(ACTION_PAGE).xpath("//pre[@aria-label='PowerShell']")
SCRIPT: str = PRE.text_content()


def parsed(script: str) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(script.encode()).root_node


def texts(node: Node, type_: str) -> list[str]:
    own = [node.text.decode()] if node.type == type_ and node.text else []
    return own + [text for child in node.children for text in texts(child, type_)]


def test_the_grammar_takes_the_script() -> None:
    assert not parsed(SCRIPT).has_error


@pytest.mark.parametrize("removed", ["(Get-Content", "@{", '"v2.$kid."', "foreach", "-Method Post -Uri "])
def test_the_grammar_does_not_take_just_anything(removed: str) -> None:
    assert removed in SCRIPT
    broken = SCRIPT.replace(removed, removed[:-1] + "(" if removed != "foreach" else "for", 1)
    assert parsed(broken).has_error


def test_the_script_calls_commands_that_windows_and_powershell_7_have() -> None:
    called = set(texts(parsed(SCRIPT), "command_name"))
    assert called == {"Get-Content", "Get-Random", "New-Object", "ConvertTo-Json", "Invoke-RestMethod"}


def test_no_value_to_replace_stands_where_a_dollar_would_be_a_variable() -> None:
    expanding = texts(parsed(SCRIPT), "expandable_string_literal")
    variables = {part for text in expanding for part in text.replace("`", " ").replace('"', " ").split() if "$" in part}
    assert variables == {"v2.$kid.", "n$kid", "$name="}
    assert all(value not in text for text in expanding for value in ("Plans changed", "web-2026a"))
