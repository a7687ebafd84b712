"""Folders that nobody has removed: their processes were killed, or could not."""

from __future__ import annotations

import time
from pathlib import Path

from galley.environments.home import Home
from galley.lake.sweeping import Writers
from galley.lake.sweeping import ids_in as ids_in_name
from galley.runs import records, scratch

QUIET = 86_400.0
"""Seconds that the files of a version lie before they are looked at: it may be about to be kept."""


def remove_leftovers(home: Home, writers: Writers) -> int:
    """Remove the folders of attempts and processes that have certainly ended; how many.

    Looking comes first and asking after: whoever makes one meanwhile is not even considered. What
    bears no name that is known here stays.
    """
    root = home.path / "scratch"
    names = scratch.names(root)
    ids = {id for name in names for id in ids_in_name(name)}
    with home.database.read() as connection:
        known = writers(connection, ids)
    gone = [name for name in names if known.get(name) is False or scratch.abandoned(root, name)]
    for name in gone:
        scratch.remove(Path(root, name))
    return len(gone)


def remove_code(home: Home) -> int:
    """Remove the files of project versions that are not kept, after a day of not being used."""
    before = time.time() - QUIET
    root = home.path / "code"
    old = [name for name in scratch.names(root) if (root / name).lstat().st_mtime < before]
    with home.database.read() as connection:
        kept = records.known_definitions(connection, old)
    gone = [name for name in old if name not in kept]
    for name in gone:
        scratch.remove(root / name)
    return len(gone)
