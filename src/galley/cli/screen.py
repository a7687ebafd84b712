"""Where output goes: answers to stdout, everything said about them to stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

UNBOUND = 140
"""The width where there is no terminal to fit."""


def print_json(value: Any) -> None:
    """The answer as one JSON document on stdout."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def width(stream: Any) -> int:
    """How many columns there are."""
    if "COLUMNS" in os.environ or stream.isatty():
        return max(40, shutil.get_terminal_size((80, 24)).columns)
    return UNBOUND


def out() -> Console:
    """The console of answers."""
    return _console(sys.stdout)


def err() -> Console:
    """The console of notes, progress and errors."""
    return _console(sys.stderr)


def note(text: str) -> None:
    """One line about the answer, on stderr."""
    say(err(), text, "dim")


def say(console: Console, text: str, style: str = "") -> None:
    """One line of text as it is; a terminal breaks it between words."""
    console.print(text, style=style or None, markup=False, soft_wrap=not console.is_terminal)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    wrap: Sequence[str] = (),
) -> None:
    """Rows in aligned columns on stdout; the last column, and those of ``wrap``, give way."""
    from rich.table import Table
    from rich.text import Text

    console = out()
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        gives_way = name == columns[-1] or name in wrap
        shown.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=not gives_way,
            overflow="fold" if gives_way else "ellipsis",
        )
    for row in rows:
        shown.add_row(*map(Text, row))
    console.print(shown)


def confirmed(question: str, *, yes: bool, refusal: Callable[[], Exception]) -> bool:
    """Ask on a terminal; without one only ``yes`` counts, else ``refusal`` is raised."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise refusal()
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _console(stream: Any) -> Console:
    from rich.console import Console

    return Console(
        file=stream, width=width(stream), highlight=False, markup=True, emoji=False, soft_wrap=False
    )
