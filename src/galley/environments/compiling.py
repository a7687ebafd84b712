"""The process in which a project from outside is unpacked and compiled, with bounds and an end.

Started anew for each, so it imports little. What it found is a JSON file.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from galley.errors import (
    DefinitionError,
    DefinitionErrors,
    GalleyError,
    InvalidRequestError,
    StorageError,
    TooLargeError,
    VariableError,
    Where,
)
from galley.project.codec import manifest_from_json, manifest_to_json
from galley.project.compile import compile_project
from galley.project.model import Manifest
from galley.project.seeds import with_seeds
from galley.project.uploads import unpack_upload
from galley.runs import processes

MEMORY = 2 << 30
LARGEST_FILE = 256 << 20
MOST_PROBLEMS = 100


def main(packed: str, folder: str, result: str, seconds: str) -> None:
    """Unpack ``packed`` into ``folder`` and compile it, in at most so many seconds of work."""
    processes.signal_on_parents_death(signal.SIGKILL)
    _bound(int(seconds))
    told: dict[str, Any]
    try:
        unpack_upload(Path(packed), Path(folder))
        manifest = with_seeds(compile_project(Path(folder)), Path(folder))
        told = {"manifest": manifest_to_json(manifest)}
    except GalleyError as error:
        told = {"error": _told(error)}
    except OSError as error:
        told = {"error": _told(StorageError(f"the project cannot be laid out: {error.strerror}"))}
    except (RecursionError, MemoryError):
        told = {"error": _told(too_hard("more memory or depth than there is"))}
    Path(result).write_text(json.dumps(told), "utf-8")


def answered(text: str) -> Manifest:
    """What the process wrote. Raises what it met."""
    found = json.loads(text)
    if "error" in found:
        raise _raised(found["error"])
    return manifest_from_json(found["manifest"])


def too_hard(what: str) -> TooLargeError:
    """The error for a project that takes too much."""
    return TooLargeError(
        f"compiling the project takes {what}",
        hint="`galley check` compiles it where it is written; split its largest files",
    )


def _bound(seconds: int) -> None:
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
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


_KINDS: dict[str, type[GalleyError]] = {
    kind.code: kind
    for kind in (DefinitionError, VariableError, InvalidRequestError, StorageError, TooLargeError)
}


def _raised(told: dict[str, Any]) -> GalleyError:
    if told["problems"]:
        return DefinitionErrors(tuple(_definition(one) for one in told["problems"]))
    kind = _KINDS.get(told["code"], InvalidRequestError)
    where = Where(*told["where"]) if told["where"] else None
    return kind(told["message"], where=where, hint=told["hint"], details=told["details"])


def _definition(told: dict[str, Any]) -> DefinitionError:
    where = Where(*told["where"]) if told["where"] else None
    return DefinitionError(told["message"], where=where, hint=told["hint"])


if __name__ == "__main__":
    main(*sys.argv[1:])
