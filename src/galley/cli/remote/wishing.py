"""What is asked of a run on a server: to stop, or to wait."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from galley.cli.remote.client import path_of
from galley.cli.remote.place import open_remote
from galley.environments.asking import check_open
from galley.runs.model import RunState


class Tell(Protocol):
    """How the local command says what came of it."""

    def __call__(self, run: str, state: str, *, as_json: bool) -> None:
        """Say it."""


def ask(wish: str, run: str, project: Path | None, tell: Tell, *, as_json: bool) -> None:
    """Ask it of a run that has not ended. Raises ConflictError, NotFoundError."""
    remote = open_remote(project, quiet=as_json)
    row = remote.find_run(run)
    found = row["run"]
    check_open(found, RunState(row["state"]))
    asked = remote.client.start(path_of("runs", found, wish)).body
    tell(found, asked["state"], as_json=as_json)
