"""Durations and sizes as people write them."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
    "TIB": 1 << 40,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)


def parse_duration(value: object) -> float:
    """Seconds from a number or a text such as ``90``, ``"5m"``, ``"1h30m"`` or ``"2d"``.

    Raises ``ValueError`` for anything else and for what is not above zero.
    """
    seconds = _seconds(value)
    if seconds is None or seconds <= 0:
        raise ValueError(f"{value!r} is no duration: write seconds, or a text such as '5m' or '2d'")
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if not isinstance(value, str):
        return float(value)
    text = value.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not text or _PART.sub("", text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def parse_bytes(value: object) -> int:
    """Bytes from a whole number or a text such as ``"512MB"`` or ``"2GiB"``.

    Raises ``ValueError`` for anything else and for what is not above zero.
    """
    size = 0
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        size = int(float(found[1]) * _BYTES.get(found[2].upper(), 0))
    if size <= 0:
        raise ValueError(f"{value!r} is no size: write bytes, or a text such as '512MB' or '2GiB'")
    return size
