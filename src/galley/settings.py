"""What the environment says: read here, without importing anything that takes time."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from galley.errors import UsageError

ENTRY = "galley.worker_entry:handlers"
"""What a worker process runs."""

PRELOAD = (
    "duckdb",
    "pyarrow.parquet",
    "pyiceberg.manifest",
    "galley.worker_entry",
)
"""What worker processes load before there is work.

Not ``pyiceberg.table``, which takes 80 ms: only tables with deletes of other engines need it.
"""

STORE_PRELOAD = ("botocore.session", "botocore.client", "botocore.signers", "fsspec")
"""What they load too where tables stand in an object store."""

KEPT_PLACE = "warehouse.at"
"""The file of a home that says where its tables stand, if not in it."""


def preload(home: Path) -> tuple[str, ...]:
    """What the worker processes of a home load before there is work."""
    try:
        stored = (home / KEPT_PLACE).read_text("utf-8").startswith("s3://")
    except OSError:
        stored = False
    return PRELOAD + STORE_PRELOAD if stored and find_spec("botocore") else PRELOAD


def home_path(project: Path, lake: str | None = None) -> Path:
    """Where a project's home is: ``GALLEY_HOME``, ``lake:`` of galley.yaml, or ``.galley/``."""
    chosen = os.environ.get("GALLEY_HOME") or lake
    if chosen:
        return (project / Path(chosen).expanduser()).resolve()
    return (project / ".galley").resolve()


def slots() -> int:
    """How many steps run side by side: ``GALLEY_SLOTS``, or one for each core.

    Raises:
        UsageError: the variable holds no number above zero.
    """
    text = os.environ.get("GALLEY_SLOTS", "").strip()
    if not text:
        return os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(
            f"GALLEY_SLOTS is {text!r}, which is no number of steps",
            hint="export GALLEY_SLOTS=2, or leave it out for one step a core",
        )
    return int(text)


def memory() -> int:
    """Bytes that all attempts together may use for queries: 60 % of the machine's memory."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        total = 4 << 30
    return int(total * 0.6)


def worker_labels() -> tuple[str, ...] | None:
    """What this machine's workers can do: ``GALLEY_LABELS`` (``gpu,big``); ``None`` for all."""
    text = os.environ.get("GALLEY_LABELS")
    if text is None:
        return None
    return tuple(sorted({part.strip() for part in text.split(",") if part.strip()}))
