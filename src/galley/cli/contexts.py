"""The servers that a user works with, and what is shown to them: one file that only they can read.

Every command asks which context is in effect, so nothing that takes time is imported here.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from galley.errors import NotFoundError, RefusedError, StorageError, UsageError

LOCAL = "local"
"""The name that stands for working on the home at hand."""

_PRIVATE, _OTHERS = 0o600, 0o077


@dataclass(frozen=True, slots=True)
class Context:
    """A server. ``token`` is what is shown to it, ``token_id`` its name there.

    ``certificates`` is a file or folder of authorities to trust.
    """

    name: str
    url: str
    token: str | None = field(default=None, repr=False)
    token_id: str | None = None
    certificates: str | None = None


@dataclass(frozen=True, slots=True)
class Contexts:
    """All contexts by name, and which one is in effect where none is named."""

    known: Mapping[str, Context] = field(default_factory=dict)
    current: str | None = None

    def named(self, name: str) -> Context:
        """A context. Raises NotFoundError with the nearest."""
        if name in self.known:
            return self.known[name]
        close = get_close_matches(name, [*self.known, LOCAL], n=1)
        hint = f"did you mean {close[0]}?" if close else f"galley context add {name} URL"
        raise NotFoundError(f"there is no context {name}", hint=hint)

    def with_(self, context: Context) -> Contexts:
        """The same, with this one."""
        return replace(self, known={**self.known, context.name: context})

    def without(self, name: str) -> Contexts:
        """The same, without this one."""
        left = {key: one for key, one in self.known.items() if key != name}
        return Contexts(left, None if self.current == name else self.current)


def chosen(flag: str | None) -> Context | None:
    """The context in effect: the flag, ``GALLEY_CONTEXT``, or the one in use; ``None``: here.

    Raises:
        NotFoundError: there is no such context.
        RefusedError: others can read the file.
    """
    name = flag or os.environ.get("GALLEY_CONTEXT")
    if name == LOCAL:
        return None
    found = read()
    name = name or found.current
    return found.named(name) if name is not None else None


def place() -> Path:
    """The file: ``GALLEY_CONTEXTS``, or in the user's folder for settings."""
    own = os.environ.get("GALLEY_CONTEXTS")
    if own:
        return Path(own).expanduser()
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "galley" / "contexts.json"


def read() -> Contexts:
    """What the file says; nothing where there is none.

    Raises:
        RefusedError: others can read it.
        UsageError: it is not what Galley wrote.
    """
    path = place()
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except FileNotFoundError:
        return Contexts()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"the contexts in {path} cannot be read: {error}") from error
    if mode & _OTHERS:
        raise RefusedError(
            f"others can read {path}, which holds tokens",
            hint=f"chmod 600 {path}, then log in anew",
        )
    return _parsed(path, text)


def change(how: Callable[[Contexts], Contexts]) -> Contexts:
    """Write the file anew, at once, as ``how`` changes it. Raises StorageError."""
    path = place()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent):
            changed = how(read())
            _write(path, changed)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    return changed


def _parsed(path: Path, text: str) -> Contexts:
    try:
        found: dict[str, Any] = json.loads(text)
        known = {name: Context(name, **one) for name, one in found["contexts"].items()}
        return Contexts(known, found["current"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path} is not what Galley wrote", hint="remove it, then: galley context add NAME URL"
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One change at a time, however many commands make one."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _write(path: Path, contexts: Contexts) -> None:
    known = {one.name: asdict(one) for one in contexts.known.values()}
    for one in known.values():
        del one["name"]
    text = json.dumps({"current": contexts.current, "contexts": known}, indent=2)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
