"""The names of refs: which are allowed, and which existing one was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from galley.errors import UsageError
from galley.lake.model import RefKind

LONGEST = 100
_PART = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PREFIX = {
    RefKind.KITCHEN: "kitchen",
    RefKind.RUN: "run",
    RefKind.ATTEMPT: "attempt",
    RefKind.TAG: "tag",
}
_PARTS = {RefKind.ENVIRONMENT: 1, RefKind.ATTEMPT: 3}
_EXAMPLE = {
    RefKind.ENVIRONMENT: "production",
    RefKind.KITCHEN: "kitchen/anna",
    RefKind.RUN: "run/1a2b3c",
    RefKind.ATTEMPT: "attempt/1a2b3c/1",
    RefKind.TAG: "tag/audit-2026",
}
_RESERVED = frozenset({*_PREFIX.values(), "head", "now"})


def check_name(kind: RefKind, name: str) -> None:
    """Raise UsageError unless a ref of this kind may have this name."""
    problem = _problem(kind, name)
    if problem:
        raise UsageError(
            f"{name!r} cannot name {_article(kind)}: {problem}.",
            hint=f"A name looks like {_EXAMPLE[kind]}.",
        )


def nearest(name: str, names: Collection[str]) -> str | None:
    """The existing name that was most likely meant."""
    last = name.rpartition("/")[2]
    for candidate in sorted(names):
        if candidate.rpartition("/")[2] == last:
            return candidate
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return found[0] if found else None


def listed(names: Collection[str], most: int = 10) -> str:
    """The first of some names, for a message."""
    return f"{', '.join(sorted(names)[:most])}{' …' if len(names) > most else ''}"


def _problem(kind: RefKind, name: str) -> str | None:
    parts = name.split("/")
    prefix = _PREFIX.get(kind)
    if prefix is not None and parts[0] != prefix:
        return f"it has to begin with {prefix}/"
    if len(parts) != _PARTS.get(kind, 2):
        return "it has a part too many or too few"
    if len(name) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if prefix is None and name in _RESERVED:
        return "the word is reserved"
    if not all(map(_PART.fullmatch, parts)):
        return "it may hold a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
    if ".." in name or name.endswith((".", ".lock")):
        return "dots may neither follow each other nor end it"
    return None


def _article(kind: RefKind) -> str:
    return f"{'an' if kind.value[0] in 'aeiou' else 'a'} {kind.value}"
