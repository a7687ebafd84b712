"""Which code runs on a server: the folder's files are sent, unless the server works in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from galley.cli import screen
from galley.cli.remote.asking import Asked
from galley.cli.remote.client import Query, Request
from galley.cli.remote.place import Remote
from galley.environments.checkout import read_checkout
from galley.environments.kitchens import PREFIX
from galley.errors import NotFoundError
from galley.ids import new_id
from galley.project.compile import compile_project
from galley.project.find import find_project
from galley.project.seeds import with_seeds
from galley.project.snapshot import pack_files

SECONDS = 180.0
"""How long it may take until a server has compiled what it was sent."""

MOST_DIRTY = 100


def settle(remote: Remote, ref: str) -> str | None:
    """The version that is to run in a ref: what the folder holds, sent there.

    Whoever asks for a run names it: the kitchen may be given another one at any time. ``None``
    where the server knows: an environment runs what was promoted to it, a server that was started
    in this folder reads it itself, and without a folder it is what the kitchen works with.

    Raises:
        DefinitionErrors: the folder's files are wrong.
        RefusedError: the caller may not deploy there.
    """
    if not is_sent(remote, ref):
        return None
    sent = send(remote, ref)
    if sent["before"] != sent["version"]:
        screen.note(f"{ref} works with version {sent['short']}, as {remote.folder} is now")
    return str(sent["version"])


def is_sent(remote: Remote, ref: str) -> bool:
    """Whether the folder's files have to be sent for what is asked of a ref."""
    if remote.folder is None or not ref.startswith(PREFIX):
        return False
    return _served_folder(remote) != str(remote.folder)


def send(remote: Remote, ref: str, message: str | None = None) -> Any:
    """Register the folder's files as a version on the server, and give it to a kitchen.

    Raises as ``settle`` does.
    """
    folder = remote.folder or find_project(Path.cwd())
    checkout = read_checkout(folder)
    query = {
        "in": ref,
        "message": message,
        "commit": checkout.git_commit,
        "dirty": list(checkout.dirty[:MOST_DIRTY]),
    }
    return _upload(remote, folder, remote.path("versions"), query)


def plan(remote: Remote, asked: Asked) -> Any:
    """What a run would do. The folder's files are sent for that, if need be, and not kept.

    Raises as ``settle`` does.
    """
    body = asked.body()
    if remote.folder is not None and is_sent(remote, asked.ref):
        wish = {"wish": json.dumps(body)}
        return _upload(remote, remote.folder, remote.path("plan", "files"), wish)
    return remote.client.ask(Request("POST", remote.path("plan"), body)).body


def _upload(remote: Remote, folder: Path, path: str, query: Query) -> Any:
    manifest = with_seeds(compile_project(folder), folder)
    headers = {"content-type": "application/gzip", "idempotency-key": new_id()}
    packed = pack_files(manifest, folder)
    return remote.client.ask(
        Request("POST", path, None, query, headers, content=packed, seconds=SECONDS)
    ).body


def _served_folder(remote: Remote) -> str | None:
    """The folder of the project that the server was started in; a new project has none."""
    try:
        found: str | None = remote.client.get(remote.path())["folder"]
    except NotFoundError:
        return None
    return found
