"""Starting a run on a server, with the code that is here."""

from __future__ import annotations

from galley.cli.remote.asking import Asked
from galley.cli.remote.code import settle
from galley.cli.remote.following import follow
from galley.cli.remote.place import Remote


def start_and_follow(remote: Remote, asked: Asked, *, as_json: bool) -> int:
    """Start what was asked for with the folder's code, and follow it; returns the exit status."""
    body = asked.body(settle(remote, asked.ref))

    def start() -> str:
        return str(remote.client.start(remote.path("runs"), body).body["run"])

    return follow(remote, start, as_json=as_json)
