"""Names that mean the same in SQL, in Python, in a file system and in a URL."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from galley.errors import DefinitionError, Where

LONGEST = 63
"""PostgreSQL's limit, so that a table keeps its name when it is delivered there."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asof asymmetric at between both by case cast check
    collate column constraint create cross current_catalog current_date current_role current_schema
    current_time current_timestamp current_user default deferrable delete desc describe distinct do
    drop else end except exists false fetch for foreign from full glob grant group having ilike in
    initially inner insert intersect into is isnull join lambda lateral leading left like limit
    localtime localtimestamp main natural not notnull null offset on only or order outer overlaps
    pivot pivot_longer pivot_wider placing positional primary qualify references returning right
    select semi session_user set show similar some summarize symmetric table tablesample temp then
    to trailing true union unique unpivot update user using values variadic when where window with
    information_schema pg_catalog system
    """.split()  # noqa: SIM905 -- one name a line would hide the list
)
"""Words that SQL keeps for itself, and schemas that DuckDB keeps for itself."""

BUILT_IN = frozenset({"start", "end", "now"})
"""Parameters of SQL steps that the engine binds."""

WANTS = ("window", "context", "variables", "connections", "secrets")
"""Keyword-only parameters of Python steps that the engine fills."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, if one is close."""
    by_key = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_key, n=1, cutoff=0.6)
    return by_key[close[0]] if close else None


def hint_for(name: str, known: Iterable[str], what: str = "") -> str | None:
    """``did you mean …?``, or the list when it is short, or nothing when nothing is known."""
    names = sorted(set(known))
    if (close := nearest(name, names)) is not None:
        return f"did you mean '{close}'?"
    if names and len(names) <= 30:
        return f"{what or 'known'}: {', '.join(names)}"
    return None


def suggestion(name: str) -> str:
    """A valid name that is close to what was written."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_").lower()[:LONGEST] or "name"
    if plain[0].isdigit():
        plain = f"t_{plain}"
    return f"{plain}_" if plain in RESERVED else plain


def reason_against(name: str) -> str | None:
    """Why ``name`` cannot be a name, or ``None`` when it can."""
    if not _NAME.fullmatch(name):
        return (
            "a name is made of the letters a-z, digits and underscores, not starting with a digit"
        )
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} characters"
    if name.lower() in RESERVED:
        return "SQL keeps that word for itself"
    return None


def check_name(name: str, what: str, where: Where | None) -> str:
    """``name`` itself; raises DefinitionError with a valid name close to it."""
    reason = reason_against(name)
    if reason is None:
        return name
    article = "an" if what[0] in "aeiou" else "a"
    raise DefinitionError(
        f"'{name}' cannot be the name of {article} {what}: {reason}",
        where=where,
        hint=f"a valid name: '{suggestion(name)}'",
    )
