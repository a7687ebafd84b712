"""The checks that carry the failure model, as text that can be taken out of the product."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]

GUARDS = {
    "epoch": (
        "runs/queue.py",
        '            step_run.c.epoch == bindparam("own_epoch"),\n',
        "",
    ),
    "publish": (
        "lake/refs.py",
        "same = (r.head == ref.head) & (r.generation == ref.generation)",
        "same = r.head.is_not(None)",
    ),
    "withdrawn": (
        "lake/publish.py",
        "    admit(conn, plan.project, plan.changes)\n",
        "",
    ),
    "reuse": (
        "runs/findings.py",
        "                withdrawn.c.content_id.is_(None),\n",
        "",
    ),
    "reached": (
        "lake/collect.py",
        "        if item.location in reached:\n            conn.execute(delete",
        "        if item.location in ():\n            conn.execute(delete",
    ),
    "doomed": (
        "lake/rooting.py",
        "                raise collected(row.table_key, row.doomed)\n            revived",
        "                pass\n            revived",
    ),
    "limits": (
        "runs/claims.py",
        "        .with_for_update()\n    )\n    slots =",
        "    )\n    slots =",
    ),
    "hold": (
        "runs/publishing.py",
        "            _check_holds(connection, live)\n",
        "",
    ),
}
"""By name: the file, the text, and what is put in its place."""


def without(guard: str, folder: Path) -> Path:
    """A copy of the product that lacks a guard, for ``PYTHONPATH``."""
    path, text, instead = GUARDS[guard]
    copy = folder / "src"
    shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "galley" / path
    before = file.read_text()
    if before.count(text) != 1:
        raise LookupError(f"the guard {guard} is not where it was; name its new place")
    file.write_text(before.replace(text, instead))
    return copy
