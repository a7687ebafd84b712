"""Which code a run through a server will have."""

from __future__ import annotations

from galley.cli import screen
from galley.cli.remote.place import Remote


def settle(remote: Remote, ref: str) -> None:
    """Called before anything runs in a ref: what runs is what the server has of the project."""
    if remote.folder is None:
        return
    theirs = remote.client.get(remote.path())["folder"]
    if theirs != str(remote.folder):
        screen.note(f"{ref} runs what {remote.client.context.name} has, not {remote.folder}")
