"""What a user may write for a state of the data: REF, REF@COMMIT, REF@TIME or tag/NAME. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from galley.clock import from_datetime
from galley.errors import UsageError

SHORTEST = 6
"""Characters that a commit's prefix needs."""

_TIME = re.compile(r"\d{4}-\d{2}(-|$)")
_PREFIX = re.compile(rf"[0-9a-z]{{{SHORTEST},32}}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parsed text: the ref and at most one of a commit's prefix and a moment; or ``@now``."""

    ref: str
    prefix: str | None = None
    moment: int | None = None
    pinned: bool = False


def parse(text: str) -> Wanted:
    """Take a target apart. Raises UsageError for what is none."""
    ref, at, what = text.partition("@")
    if not at:
        return Wanted(ref)
    if what == "now":
        return Wanted(ref, pinned=True)
    if _TIME.match(what):
        return Wanted(ref, moment=_moment(what, text), pinned=True)
    if _PREFIX.fullmatch(what):
        return Wanted(ref, prefix=what, pinned=True)
    raise UsageError(
        f"{text!r} names neither a commit nor a time.",
        hint=f"Write {ref}@COMMIT with at least {SHORTEST} characters of its id, "
        f"{ref}@2026-01-31, or {ref}@2026-01-31T06:00Z.",
    )


def _moment(what: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(what)
    except ValueError as error:
        raise UsageError(
            f"{text!r} does not hold a time: {error}.",
            hint="Write 2026-01-31 or 2026-01-31T06:00Z.",
        ) from error
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
