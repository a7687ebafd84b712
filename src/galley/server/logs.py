"""What servers and workers say while they work: lines for people, or JSON objects for machines."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

from galley.clock import iso
from galley.runs.redact import REDACTED, forms

VARIABLE = "GALLEY_LOG_FORMAT"
ABOUT = ("run", "step", "attempt", "request")
"""What a line may be about: given with ``extra``, keys of its object."""

_TEXT = "%(asctime)s %(name)s: %(message)s"
_NOISY = ("httpx", "httpcore", "uvicorn.error", "uvicorn.access")
_SECRET = ("GALLEY_WORKER_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD")


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


def start_logging(format_: LogFormat | None = None) -> None:
    """Log to stderr, one line an event; processes that are started from here do as well.

    Without a format the environment's counts, and of what that says only ``json`` is JSON.
    """
    if format_ is not None:
        os.environ[VARIABLE] = format_.value
    as_json = os.environ.get(VARIABLE) == LogFormat.JSON
    handler = logging.StreamHandler(sys.stderr)
    secrets = known_secrets(os.environ)
    handler.setFormatter(JsonLines(secrets) if as_json else Lines(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def known_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets that this process was started with."""
    found = [environ.get(name) for name in _SECRET]
    # Where there is no such address, what is wrong with it is told elsewhere.
    with suppress(KeyError, ValueError):
        found.append(unquote(urlsplit(environ["GALLEY_DATABASE"]).password or ""))
    return tuple(one for one in found if one)


class Lines(logging.Formatter):
    """A line for people, in which no known secret stands."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(_TEXT)
        every = {form.decode("utf-8", "replace") for one in secrets for form in forms(one)}
        self._hidden = sorted(every, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """One event."""
        return self.clean(super().format(record))

    def clean(self, text: str) -> str:
        """The text without secrets."""
        for one in self._hidden:
            text = text.replace(one, REDACTED.decode())
        return text


class JsonLines(Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One event."""
        said: dict[str, Any] = {
            "time": iso(int(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.clean(record.getMessage()),
        }
        about = ((name, getattr(record, name, None)) for name in ABOUT)
        said |= {name: str(value) for name, value in about if value is not None}
        if record.exc_info:
            said["error"] = self.clean(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False)
