"""A process that sends one message and ends: ``python -m galley.notify.courier``.

It is told on standard input what to send where, and answers on standard output. Whatever the other
side does, whoever started this process can end it.
"""

from __future__ import annotations

import json
import logging
import sys
import urllib.request
from typing import Any

WEB_SECONDS = 15.0
NOTHING_SENT = ("refused", "resolve", "not known", "no route", "unreachable", "name resolution")
"""Words of failures before anything was said to the other side."""


def main() -> None:
    """Send the message, and say how that went."""
    told = json.load(sys.stdin)
    url, facts = told["url"], told["facts"]
    if url.startswith(("https://", "http://")):
        answer = post(url, facts)
    else:
        answer = send(url, facts["title"], f"{facts['text']}\n[message {facts['message']}]")
    json.dump(answer, sys.stdout)


def post(url: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Send a message as JSON to an address on the web."""
    body = json.dumps(facts).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "galley"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - begins with http
    try:
        with urllib.request.urlopen(request, timeout=WEB_SECONDS):  # noqa: S310
            return {"sent": True}
    except OSError as error:
        said = " ".join(str(error).split())
        return {"sent": False, "error": said[:1000], "certain": _nothing_sent(said)}


def send(url: str, title: str, body: str) -> dict[str, Any]:
    """Send a message through Apprise: ``sent``, else an ``error`` and whether it is ``certain``."""
    try:
        import apprise
    except ModuleNotFoundError:
        said = "apprise is not installed: pip install 'galley-dataops[notify]'"
        return {"sent": False, "error": said, "certain": True}
    service = apprise.Apprise.instantiate(url)
    if service is None:
        return {"sent": False, "error": "no service knows this address", "certain": True}
    found: list[str] = []
    logger = logging.getLogger("apprise")
    logger.addHandler(_Kept(found))
    sent = bool(service.notify(title=title, body=body))
    if sent:
        return {"sent": True}
    said = "; ".join(dict.fromkeys(found)) or "the service took it not"
    return {"sent": False, "error": said[:1000], "certain": _nothing_sent(said)}


def _nothing_sent(said: str) -> bool:
    return any(word in said.lower() for word in NOTHING_SENT)


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
