"""What DuckDB says of a query it cannot bind, taken apart: the reason, the place, the names."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from galley.errors import UsageError
from galley.lake.names import listed, nearest
from galley.lake.types import quote

_LINE = re.compile(r"\n\n?LINE (\d+): (.*)\n( *)\^", re.DOTALL)
_KIND = re.compile(r"^[A-Z][A-Za-z ]* Error: ")
_GUESSES = re.compile(
    r"\s*\n\s*(?:Candidate (?:bindings|Entries|tables)|Did you mean)\b.*", re.DOTALL
)
_CANDIDATES = re.compile(r"Candidate (?:bindings|Entries|tables): (.*)")
_MEANT = re.compile(r'Did you mean "([^"]*)"')
_MISSING = re.compile(
    r'(?:column named|[Cc]olumn|Referenced table|find key|with name) "?([^"\s]+)"?'
)
_COLUMN = re.compile(r'[Cc]olumn (?:named )?"')
_ABSENT = re.compile(r"not found|does not (?:exist|have)|has no")
_NO_TABLE = re.compile(r'Referenced table "[^"]+" not found')
_QUALIFIED = re.compile(r'"?(\w+)"?\."?(\w+)"?')


@dataclass(frozen=True, slots=True)
class Place:
    """Where DuckDB says an error is: the line, its text (or part of it), and what it points at.

    ``column`` counts from one; ``None`` where only a part of the line is shown. ``start`` is where
    the message begins to show the place.
    """

    line: int
    shown: str
    pointed: str
    start: int
    column: int | None


def place_in(message: str) -> Place | None:
    """The place that DuckDB's message shows, with a caret below the line."""
    found = _LINE.search(message)
    if found is None:
        return None
    shown, before = found[2], len(found[3])
    whole = f"LINE {found[1]}: {shown}"
    column = None if shown.startswith("...") else before - (len(whole) - len(shown)) + 1
    return Place(int(found[1]), shown, whole[before:], found.start(), column)


def qualified_column(message: str, place: Place | None) -> tuple[str, str] | None:
    """The table and column where DuckDB misses ``table.column`` and says it misses the table."""
    if place is None or not _NO_TABLE.search(message):
        return None
    found = _QUALIFIED.match(place.pointed)
    return (found[1].lower(), found[2].lower()) if found else None


def query_error(
    message: str, query: str, columns: Collection[str], tables: Collection[str]
) -> UsageError:
    """The error for a query that DuckDB refuses, with its reason and the nearest right name.

    ``columns`` are those of the ``tables`` that the query reads; DuckDB itself names those in
    reach of the wrong one.
    """
    said = reason_in(message, query)
    missed = qualified_column(message, place_in(message))
    if missed and missed[0] in tables and missed[1] not in columns:
        said = f'Table "{missed[0]}" has no column named "{missed[1]}"'
    return UsageError(said, hint=_hint(message, said, columns), details={"engine": message})


def reason_in(message: str, query: str) -> str:
    """What DuckDB says is wrong, and where in the query, without its guesses.

    The query may stand inside of another one that begins on the line before it.
    """
    place = place_in(message)
    said = _KIND.sub("", message[: place.start] if place else message).strip()
    said = _GUESSES.sub("", said).rstrip("!. ")
    lines = query.splitlines()
    if place is None or not place.column:
        return said
    at = next(
        (n for n in (place.line - 2, place.line - 1) if place.shown in lines[n : n + 1]), None
    )
    if at is None:
        return said
    first, newline, rest = said.partition("\n")
    return f"{first.rstrip('!.')} (line {at + 1}, column {place.column}){newline}{rest}"


def _hint(message: str, said: str, columns: Collection[str]) -> str | None:
    missing = _MISSING.search(said)
    near = _CANDIDATES.search(message)
    known = re.findall(r'"([^"]+)"', near[1]) if near else []
    about_column = _COLUMN.search(said) is not None and _ABSENT.search(said) is not None
    for names in (known, columns if about_column else ()):
        meant = nearest(missing[1], names) if missing else None
        if meant:
            return f"did you mean {meant if meant.isidentifier() else quote(meant)}?"
    if about_column and columns:
        return f"there are the columns: {listed(columns, 30)}"
    guess = _MEANT.search(message)
    if guess:
        return f"did you mean {guess[1]}?"
    return f"there is: {', '.join(known)}" if known else None
