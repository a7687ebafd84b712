"""Numbers, times and states as people read them. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

GLYPHS = {
    "succeeded": ("✓", "green"),
    "published": ("✓", "green"),
    "pass": ("✓", "green"),
    "reused": ("=", "green"),
    "skipped": ("-", "dim"),
    "waiting": ("·", "dim"),
    "ready": ("·", "dim"),
    "queued": ("·", "dim"),
    "claimed": ("▸", "cyan"),
    "running": ("▸", "cyan"),
    "staged": ("▸", "cyan"),
    "publishing": ("▸", "cyan"),
    "retry_wait": ("↻", "yellow"),
    "parked": ("‖", "yellow"),
    "paused": ("‖", "yellow"),
    "warn": ("!", "yellow"),
    "not_evaluated": ("?", "yellow"),
    "superseded": ("✗", "yellow"),
    "cancelled": ("✗", "yellow"),
    "upstream_failed": ("✗", "dim"),
    "blocked": ("✗", "red"),
    "failed": ("✗", "red"),
    "fail": ("✗", "red"),
    "error": ("✗", "red"),
}
"""A sign and a colour for each state; the word always stands beside it."""

WORDS = {
    "staged": "testing",
    "claimed": "starting",
    "retry_wait": "waits to try again",
    "upstream_failed": "not reached",
    "blocked": "blocked by a test",
    "not_evaluated": "not evaluated",
}
"""States whose name says too little."""


def glyph(state: str) -> str:
    """The sign of a state."""
    return GLYPHS.get(state, ("·", ""))[0]


def colour(state: str) -> str:
    """The colour of a state, as Rich names it."""
    return GLYPHS.get(state, ("", ""))[1] or "default"


def word(state: str) -> str:
    """A state in words."""
    return WORDS.get(state, state.replace("_", " "))


def number(value: float | None) -> str:
    """A whole number with separators."""
    return "" if value is None else f"{value:,}"


def rows(value: int | None) -> str:
    """A number of rows."""
    return "" if value is None else f"{value:,} row{'' if value == 1 else 's'}"


def size(value: int | None) -> str:
    """Bytes, in the unit that keeps it short."""
    if value is None:
        return ""
    left = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if left < 1000:
            return f"{left:.0f} {unit}" if unit == "B" or left >= 100 else f"{left:.1f} {unit}"
        left /= 1000
    return f"{left:.1f} TB"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return ""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def ago(moment: int, now: int) -> str:
    """How long ago an instant (in microseconds) was."""
    passed = max(0, now - moment) // 1_000_000
    for length, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if passed >= length:
            count = passed // length
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now" if passed < 5 else f"{passed} seconds ago"


def when(text: str | None) -> str:
    """An ISO instant in the local time zone, to the minute."""
    if text is None:
        return ""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M")


def short(identifier: str | None) -> str:
    """The beginning of an id: enough to name it again."""
    return (identifier or "")[:8]


def plural(count: int, what: str) -> str:
    """``3 steps``, ``1 step``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def value(found: Any) -> str:
    """A cell or a measured value as text."""
    if found is None:
        return "NULL"
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, float):
        return f"{found:.15g}"
    if isinstance(found, dict):
        return ", ".join(f"{key} {value(one)}" for key, one in found.items())
    if isinstance(found, list | tuple):
        return ", ".join(map(value, found))
    return str(found)


def cut(text: str, width: int) -> str:
    """At most ``width`` characters; what is cut off shows as an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else f"{flat[: max(1, width - 1)]}…"
