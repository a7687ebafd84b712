"""Starting the workers before anything else is imported, so that both load side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galley import settings
from galley.cli.session import find_home
from galley.runs.pool import Pool, PoolSettings


@contextmanager
def warm_pool(project: Path | None) -> Iterator[Pool]:
    """The workers of a project's home, started and loading."""
    home = find_home(project)
    pool = Pool(
        PoolSettings(
            slots=settings.slots(),
            log_dir=home / "logs",
            entry=settings.ENTRY,
            preload=settings.preload(home),
        )
    )
    try:
        pool.start()
        yield pool
    finally:
        pool.close()
