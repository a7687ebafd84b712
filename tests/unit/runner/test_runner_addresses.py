"""Addresses with secrets."""

import pytest

from galley.runs.runner.addresses import password_of, resolve


@pytest.mark.parametrize(
    ("address", "resolved"),
    [
        ("postgres://me:${pw}@host/db", "postgres://me:a%2Fb%40%3A@host/db"),
        ("postgres://host/db", "postgres://host/db"),
        ("${pw}", "a/b@:"),
        ("postgres://${unknown}@host", "postgres://${unknown}@host"),
    ],
)
def test_secrets_may_hold_any_character(address: str, resolved: str) -> None:
    assert resolve(address, {"pw": "a/b@:"}) == resolved


@pytest.mark.parametrize(
    ("address", "password"),
    [("postgres://me:a%2Fb@host/db", "a/b"), ("postgres://me@host", None), ("http://[", None)],
)
def test_passwords_are_found(address: str, password: str | None) -> None:
    assert password_of(address) == password
