"""Addresses of outside systems with their secrets filled in."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from galley.governance.secrets import fill, placeholders


def resolve(address: str, secrets: Mapping[str, str]) -> str:
    """The address with its ``${secret}`` place-holders filled in.

    A secret inside an address is percent-encoded, so that a password may hold any character; one
    that is the whole address stays as it is.
    """
    names = placeholders(address)
    if len(names) == 1 and address.strip() == f"${{{names[0]}}}":
        return fill(address.strip(), secrets)
    return fill(address, {name: quote(value, safe="") for name, value in secrets.items()})


def password_of(address: str) -> str | None:
    """The password that an address holds, if it can be told."""
    try:
        password = urlsplit(address).password
    except ValueError:
        return None
    return unquote(password) if password else None
