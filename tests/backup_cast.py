"""Backing up and restoring without a command; as a process of its own, so that it can be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from galley import clock
from galley.db.engine import open_database, sqlite_url
from galley.environments.backup import Backup, Progress, Wish, back_up
from galley.environments.home import EmptyHome, Home
from galley.environments.packing import Unpack
from galley.environments.restoring import restore
from tests.collect_cast import Store


def silent(done: int, total: int) -> None:
    """Nobody looks."""


def save(home: Home, target: Path, progress: Progress = silent, *, link: bool = True) -> Backup:
    """A backup: one file if its name says so."""
    return back_up(home, Wish(target, tar=target.suffix == ".tar", link=link), progress)


def bring_back(backup: Path, home: Path, url: str | None = None) -> Backup:
    """Restore to a folder; the state to a database by its URL, or to SQLite."""
    empty = EmptyHome(
        path=home,
        database=lambda path: open_database(url or sqlite_url(path / "galley.db")),
        shared=url is not None,
        warehouse=None,
        now=clock.now(),
    )
    with Unpack(backup) as source:
        return restore(source, empty, silent)


if __name__ == "__main__":
    if sys.argv[1] == "save":
        save(Store(Path(sys.argv[2])).home, Path(sys.argv[3]))
    else:
        bring_back(Path(sys.argv[2]), Path(sys.argv[3]))
