"""A project folder as git knows it: the commit it is at, and what is not committed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from galley.environments.home import Checkout

SECONDS = 10.0
"""How long git may take."""


def read_checkout(folder: Path) -> Checkout:
    """The state of the work tree under ``folder``; only files below it count.

    Without git, or outside of a work tree, there is no commit. ``dirty`` holds the paths of changed
    and untracked files, relative to ``folder``.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if commit is None:
        return Checkout(folder)
    prefix = (_git(folder, "rev-parse", "--show-prefix") or "").strip()
    status = _git(folder, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--", ".")
    return Checkout(folder, commit.strip(), _paths(status or "", prefix))


def _paths(status: str, prefix: str) -> tuple[str, ...]:
    """The paths of ``git status -z``; a renamed file's old name follows as an entry of its own."""
    found: list[str] = []
    entries = iter(status.split("\0"))
    for entry in entries:
        if len(entry) < 4:
            continue
        if entry[0] in "RC":
            next(entries, None)
        found.append(entry[3:].removeprefix(prefix))
    return tuple(sorted(found))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "--no-optional-locks", *arguments],
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None
