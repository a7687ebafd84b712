"""The checks that carry the failure model, as text that can be taken out of the product."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

Edit = tuple[str, str, str]
"""A file, a text in it, and what is put in its place."""

EPOCH = (
    "runs/queue.py",
    '            step_run.c.epoch == bindparam("own_epoch"),\n',
    "",
)
ON_RECORD = (
    "runs/queue.py",
    "    return move.where(going.exists())\n",
    "    return move\n",
)
UNCHANGED = (
    "lake/refs.py",
    """    & (t.ref.c.head == bindparam("own_head"))
    & (t.ref.c.generation == bindparam("own_generation"))
""",
    "",
)
LOCKED = ("lake/refs.py", "_FIND_LOCKED = _FIND.with_for_update()", "_FIND_LOCKED = _FIND")
ADMITTED = ("lake/publish.py", "    admit(conn, plan.project, plan.changes)\n", "")
REUSED = (
    "runs/findings.py",
    "        withdrawn.c.content_id.is_(None),\n    )\n    .order_by",
    "    )\n    .order_by",
)
DOOR = (
    "lake/rooting.py",
    "                raise collected(row.table_key, row.doomed)\n            revived",
    "                pass\n            revived",
)

GUARDS: dict[str, tuple[Edit, ...]] = {
    "epoch": (EPOCH, ON_RECORD),
    "publish": (UNCHANGED, LOCKED),
    "withdrawn": (ADMITTED,),
    "reuse": (REUSED, ADMITTED),
    "reached": (
        (
            "lake/collect.py",
            "        if item.location in reached:\n            conn.execute(delete",
            "        if item.location in ():\n            conn.execute(delete",
        ),
        ("lake/collect.py", "    loose = present - reached\n", "    loose = present\n"),
    ),
    "doomed": (DOOR,),
    "limits": (
        (
            "runs/claims.py",
            "        .with_for_update()\n    )\n    slots =",
            "    )\n    slots =",
        ),
    ),
    "hold": (("runs/publishing.py", "            _check_holds(connection, live)\n", ""),),
}
"""By name. Where two checks stand behind each other both are taken out."""


def without(guard: str, folder: Path) -> Path:
    """A copy of the product that lacks a guard, for ``PYTHONPATH``."""
    return copied(GUARDS[guard], folder)


def copied(edits: Sequence[Edit], folder: Path) -> Path:
    """A copy of the product with these changes, for ``PYTHONPATH``."""
    copy = folder / "src"
    shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in changed(edits).items():
        (copy / "galley" / path).write_text(text)
    return copy


def changed(edits: Sequence[Edit]) -> dict[str, str]:
    """The files that change, and their texts after it.

    Raises:
        LookupError: a text is not where it was.
    """
    texts: dict[str, str] = {}
    for path, text, instead in edits:
        before = texts.get(path) or (ROOT / "src" / "galley" / path).read_text()
        if before.count(text) != 1:
            raise LookupError(f"a guard in {path} is not where it was; name its new place")
        texts[path] = before.replace(text, instead)
    return texts
