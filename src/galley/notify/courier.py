"""A process that sends one message and ends: ``python -m galley.notify.courier``.

It is told on standard input what to send where, and answers on standard output. Whatever the other
side does, whoever started this process can end it.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

NOTHING_SENT = ("refused", "resolve", "not known", "no route", "unreachable", "name resolution")
"""Words of failures before anything was said to the other side."""


def main() -> None:
    """Send the message, and say how that went."""
    told = json.load(sys.stdin)
    json.dump(send(told["url"], told["title"], told["body"]), sys.stdout)


def send(url: str, title: str, body: str) -> dict[str, Any]:
    """Send a message through Apprise: ``sent``, else an ``error`` and whether it is ``certain``."""
    try:
        import apprise
    except ModuleNotFoundError:
        said = "apprise is not installed: pip install 'galley-dataops[notify]'"
        return {"sent": False, "error": said, "certain": True}
    service = apprise.Apprise.instantiate(url) or apprise.Apprise.instantiate(_plain_web(url))
    if service is None:
        return {"sent": False, "error": "no service knows this address", "certain": True}
    found: list[str] = []
    logger = logging.getLogger("apprise")
    logger.addHandler(_Kept(found))
    sent = bool(service.notify(title=title, body=body))
    if sent:
        return {"sent": True}
    said = "; ".join(dict.fromkeys(found)) or "the service took it not"
    certain = any(word in said.lower() for word in NOTHING_SENT)
    return {"sent": False, "error": said[:1000], "certain": certain}


def _plain_web(url: str) -> str:
    """An address on the web that is of no service known by name gets the message as JSON."""
    for scheme, other in (("https://", "jsons://"), ("http://", "json://")):
        if url.startswith(scheme):
            return other + url.removeprefix(scheme)
    return url


class _Kept(logging.Handler):
    """Keeps what Apprise says went wrong; it answers only yes or no."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.found = found
        logging.getLogger("apprise").setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep warnings and errors, and what an exception said."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING or "xception" in text:
            self.found.append(" ".join(text.split()))


if __name__ == "__main__":
    main()
