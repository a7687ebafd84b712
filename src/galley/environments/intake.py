"""A project from outside: unpacked and compiled in a process of its own, with an end and bounds.

Compiling runs no code of the project. It parses, though, and what somebody made to be hard to parse
takes memory and time: it takes them from a process that nothing else hangs on.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley.environments.home import Home
from galley.errors import (
    DefinitionError,
    DefinitionErrors,
    GalleyError,
    InternalError,
    InvalidRequestError,
    TooLargeError,
    VariableError,
    Where,
)
from galley.project.codec import manifest_from_json, manifest_to_json
from galley.project.compile import compile_project
from galley.project.model import Manifest
from galley.project.seeds import with_seeds
from galley.project.uploads import unpack_upload
from galley.runs import processes, scratch

MEMORY = 2 << 30
LARGEST_RESULT = 64 << 20
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a project may take to compile, in seconds: of work, and on the clock."""

    work: int = 60
    wait: float = 120.0


def quarantine(home: Home) -> Path:
    """A new folder for what nobody has looked at yet; whoever asks for it removes it.

    It bears the process's name: what a killed one leaves goes in the daily round.
    """
    folder = Path(scratch.own(home.path / "scratch"))
    folder.mkdir(mode=0o700, parents=True)
    return folder


def take_in(packed: Path, folder: Path, patience: Patience = Patience()) -> Manifest:
    """Unpack an archive into the new folder ``folder`` and compile the project in it.

    Raises:
        DefinitionErrors: the definitions are wrong; with file and line.
        InvalidRequestError: the archive cannot be read, or holds what has no place in a project.
        TooLargeError: it is too large, or takes too long.
    """
    result = folder.with_name(f"{folder.name}.json")
    command = [sys.executable, "-P", "-m", __name__, str(packed), str(folder), str(result)]
    try:
        done = subprocess.run(
            [*command, str(patience.work)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=patience.wait,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_hard(f"more than {patience.wait:g} seconds") from None
    if done.returncode < 0 and -done.returncode != signal.SIGTERM:
        raise _too_hard(f"more than {patience.work} seconds of work, or {MEMORY >> 30} GiB")
    if done.returncode or not result.is_file() or result.stat().st_size > LARGEST_RESULT:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise InternalError(f"the project could not be compiled: {said[-1] if said else 'ended'}")
    found = json.loads(result.read_text("utf-8"))
    if "error" in found:
        raise _raised(found["error"])
    return manifest_from_json(found["manifest"])


def main(packed: str, folder: str, result: str, seconds: str) -> None:
    """In the process of its own."""
    processes.signal_on_parents_death(signal.SIGKILL)
    _bound(int(seconds))
    try:
        unpack_upload(Path(packed), Path(folder))
        manifest = with_seeds(compile_project(Path(folder)), Path(folder))
        told: dict[str, Any] = {"manifest": manifest_to_json(manifest)}
    except GalleyError as error:
        told = {"error": _told(error)}
    except (RecursionError, MemoryError):
        told = {"error": _told(_too_hard("more memory or depth than there is"))}
    Path(result).write_text(json.dumps(told), "utf-8")


def _bound(seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_FSIZE, 256 << 20),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard < 0 else min(most, hard), hard))


def _told(error: GalleyError) -> dict[str, Any]:
    several = error.problems if isinstance(error, DefinitionErrors) else ()
    where = error.where
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "where": [where.path, where.line, where.column] if where else None,
        "details": {} if several else error.details,
        "problems": [_told(one) for one in several[:MOST_PROBLEMS]],
    }


_KINDS = {
    kind.code: kind for kind in (DefinitionError, VariableError, InvalidRequestError, TooLargeError)
}


def _raised(told: dict[str, Any]) -> GalleyError:
    """The error that the other process told of."""
    if told["problems"]:
        return DefinitionErrors(tuple(_definition(one) for one in told["problems"]))
    kind = _KINDS.get(told["code"], InvalidRequestError)
    where = Where(*told["where"]) if told["where"] else None
    return kind(told["message"], where=where, hint=told["hint"], details=told["details"])


def _definition(told: dict[str, Any]) -> DefinitionError:
    where = Where(*told["where"]) if told["where"] else None
    return DefinitionError(told["message"], where=where, hint=told["hint"])


def _too_hard(what: str) -> TooLargeError:
    return TooLargeError(
        f"compiling the project takes {what}",
        hint="`galley check` compiles it where it is written; split its largest files",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
