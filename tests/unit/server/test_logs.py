"""What servers say: one object a line, with what it is about, and never a secret."""

import json
import logging
import sys
from urllib.parse import quote

import pytest

from galley.server.logs import JsonLines, Lines, known_secrets

SECRET = "s3cret/with+signs"


def record(message: str, *arguments: object, **about: object) -> logging.LogRecord:
    made = logging.LogRecord("galley.server", logging.WARNING, "", 0, message, arguments, None)
    made.created = 1_770_000_000.25
    made.__dict__.update(about)
    return made


def test_a_line_is_an_object() -> None:
    text = JsonLines().format(record("the %s stopped:\n%s", "engine", "why", run="r1", step=None))
    assert "\n" not in text
    assert json.loads(text) == {
        "time": "2026-02-02T02:40:00.250000Z",
        "level": "warning",
        "logger": "galley.server",
        "message": "the engine stopped:\nwhy",
        "run": "r1",
    }


@pytest.mark.parametrize("kind", [Lines, JsonLines])
def test_a_secret_is_never_said(kind: type[Lines]) -> None:
    made = record("refused by https://galley:%s@host", quote(SECRET, safe=""))
    try:
        raise ValueError(f"no such token: {SECRET}")
    except ValueError:
        made.exc_info = sys.exc_info()
    text = kind([SECRET]).format(made)
    assert (SECRET in text, quote(SECRET, safe="") in text) == (False, False)
    assert text.count("[redacted]") >= 2


def test_the_secrets_of_the_environment_are_known() -> None:
    environ = {
        "GALLEY_DATABASE": f"postgresql://galley:{quote(SECRET, safe='')}@db/galley",
        "GALLEY_WORKER_TOKEN": "token",
        "HOME": "/root",
    }
    assert set(known_secrets(environ)) == {SECRET, "token"}
    assert known_secrets({"GALLEY_DATABASE": "no address"}) == ()
