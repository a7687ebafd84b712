"""Revisions after the first only add, so that the release before goes on working meanwhile."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from galley.db import schema

VERSIONS = sorted((schema.MIGRATIONS / "versions").glob("*.py"))
LATER = [path for path in VERSIONS if not path.stem.endswith("_0001")]

ADDS = {"create_table", "create_index", "add_column", "bulk_insert", "f", "batch_alter_table"}
"""What a revision may call: nothing that an older release reads or writes is taken away.

What is not among it needs two releases: the first stops using it, the second takes it away, and
says so with a ``# contract:`` comment that names the release which stopped.
"""


def breaks(source: str) -> list[str]:
    """What a revision does that the release before may not survive."""
    found = []
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        told = any("# contract:" in lines[at] for at in (node.lineno - 1, node.lineno - 2))
        owner = node.func.value
        name = node.func.attr
        if isinstance(owner, ast.Name) and owner.id in ("op", "batch_op") and not told:
            if name not in ADDS:
                found.append(f"line {node.lineno}: {owner.id}.{name}")
            elif name == "add_column" and not _optional(node):
                found.append(f"line {node.lineno}: a column that older releases do not fill")
    return found


def _optional(call: ast.Call) -> bool:
    """Whether a row without the column's value can be written."""
    columns = [one for one in call.args if isinstance(one, ast.Call)]
    given = {word.arg: word.value for column in columns for word in column.keywords}
    nullable = given.get("nullable")
    must = isinstance(nullable, ast.Constant) and nullable.value is False
    return not must or "server_default" in given


@pytest.mark.parametrize("path", LATER, ids=lambda path: path.stem)
def test_later_revisions_only_add(path: Path) -> None:
    assert breaks(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("op.create_table('a', sa.Column('b', sa.Text()))", []),
        ("op.add_column('a', sa.Column('b', sa.Text()))", []),
        ("op.add_column('a', sa.Column('b', sa.Text(), nullable=False, server_default=''))", []),
        (
            "op.add_column('a', sa.Column('b', sa.Text(), nullable=False))",
            ["line 1: a column that older releases do not fill"],
        ),
        ("op.drop_column('a', 'b')", ["line 1: op.drop_column"]),
        ("op.drop_column('a', 'b')  # contract: unused since 0.4", []),
        ("batch_op.alter_column('b', new_column_name='c')", ["line 1: batch_op.alter_column"]),
        ("op.execute('DELETE FROM a')", ["line 1: op.execute"]),
        ("op.create_unique_constraint('u', 'a', ['b'])", ["line 1: op.create_unique_constraint"]),
    ],
)
def test_what_is_not_additive_is_seen(line: str, found: list[str]) -> None:
    assert breaks(line) == found


def test_every_branch_has_a_first_revision() -> None:
    firsts = {path.stem for path in VERSIONS if path.stem.endswith("_0001")}
    assert {head.rsplit("_", 1)[0] for head in schema.HEADS} == {
        first.rsplit("_", 1)[0] for first in firsts
    }
