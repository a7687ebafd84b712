"""No cutting of the stream lets a secret through."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.runs.redact import REDACTED, Redactor, forms

SECRETS = st.lists(st.text("abc/+ é\n", min_size=1, max_size=6), min_size=1, max_size=3)


def through(secrets: list[str], chunks: list[bytes]) -> bytes:
    redactor = Redactor(secrets)
    return b"".join([*(redactor.feed(chunk) for chunk in chunks), redactor.finish()])


@given(SECRETS, st.lists(st.text("abcde/+ é\n", max_size=8), max_size=8))
def test_no_secret_is_left(secrets: list[str], texts: list[str]) -> None:
    shown = through(secrets, [text.encode() for text in texts])
    for kept in shown.split(REDACTED):
        assert not any(secret.encode() in kept for secret in secrets)


@given(st.text("abx", max_size=60), st.integers(1, 7))
def test_the_cut_does_not_matter(text: str, size: int) -> None:
    raw = text.encode()
    chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert through(["abba", "bab"], chunks) == through(["abba", "bab"], [raw])


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_without_secrets_nothing_changes(chunks: list[bytes]) -> None:
    assert through([], chunks) == through([""], chunks) == b"".join(chunks)


@pytest.mark.parametrize("before", ["", "u:", "us:", "user:"])
def test_encoded_forms_are_found(before: str) -> None:
    secret = 'p?ss~w>rd/"+&é'
    whole = (before + secret).encode()
    for text in (
        base64.b64encode(whole).decode(),
        base64.urlsafe_b64encode(whole).decode(),
        before + quote(secret, safe=""),
        before + quote_plus(secret),
        json.dumps(before + secret),
    ):
        shown = through([secret], [text.encode()])
        assert REDACTED in shown, text
        assert len(shown) < len(REDACTED) + len(before) * 2 + 10


def test_only_a_possible_secret_is_held_back() -> None:
    redactor = Redactor(["token-1"])
    assert redactor.feed(b"all is well; tok") == b"all is well; "
    assert redactor.feed(b"yo tower") == b"tokyo tower"
    assert redactor.feed(b" token-") == b" "
    assert redactor.feed(b"1!") == b"[redacted]!"


def test_of_nested_secrets_the_longer_one_counts() -> None:
    assert through(["abc", "abcdef"], [b"abc", b"def"]) == REDACTED
    assert through(["abc", "abcdef"], [b"abc", b"dex"]) == REDACTED + b"dex"


def test_each_line_of_a_long_secret_counts() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----\n"
    assert b"MIIEvQIBADAN" in forms(key)
    assert through([key], [b"  MIIEvQIBADAN\r\n"]) == b"  [redacted]\r\n"
