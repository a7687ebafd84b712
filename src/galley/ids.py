"""Identifiers: short, random, safe in file names and URLs."""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(length: int = 16) -> str:
    """A random identifier of ``length`` base-32 characters (5 bits each)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def digest(*parts: str | bytes, size: int = 16) -> str:
    """A stable hexadecimal digest (BLAKE2b, ``size`` bytes) of the parts, each length-prefixed."""
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "big"))
        state.update(raw)
    return state.hexdigest()
