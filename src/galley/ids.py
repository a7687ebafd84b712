"""Identifiers: short, random, safe in file names and URLs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

RandomBytes = Callable[[int], bytes]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_source: RandomBytes = os.urandom


def new_id(length: int = 16) -> str:
    """A random identifier of ``length`` base-32 characters (5 bits each)."""
    return "".join(_ALPHABET[byte & 31] for byte in _source(length))


@contextmanager
def drawn_from(source: RandomBytes) -> Iterator[None]:
    """Identifiers that follow from a seed, so that a simulation can be played again."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before


def digest(*parts: str | bytes, size: int = 16) -> str:
    """A stable hexadecimal digest (BLAKE2b, ``size`` bytes) of the parts, each length-prefixed."""
    said = bytearray()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        said += len(raw).to_bytes(8, "big")
        said += raw
    return hashlib.blake2b(said, digest_size=size).hexdigest()
