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
    err().print(text, style="dim", markup=False, soft_wrap=True)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """Rows in aligned columns on stdout; the last column takes what width is left."""
    from rich.table import Table

    console = out()
    shown = Table(
        box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 2, 0, 0)
    )
    last = columns[-1]
    for name in columns:
        shown.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name != last,
            overflow="fold" if name == last else "ellipsis",
        )
    for row in rows:
        shown.add_row(*map(_escaped, row))
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


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
