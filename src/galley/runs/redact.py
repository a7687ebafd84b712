"""Secrets out of a stream of bytes, wherever the stream happens to be cut."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

REDACTED = b"[redacted]"

_SHORTEST_PIECE = 6
_SHORTEST_LINE = 8


def forms(secret: str) -> set[bytes]:
    """The byte sequences that give a secret away: itself, escaped, URL- and base64-encoded.

    A base64 form is looked for at each of the three alignments it may have within a longer text;
    of a secret of several lines, each long line counts.
    """
    raw = secret.encode("utf-8", "surrogateescape")
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw), json.dumps(secret)[1:-1]}
    found = {raw, *(form.encode("utf-8", "surrogateescape") for form in quoted)}
    found.update(piece for piece in _base64_pieces(raw) if len(piece) >= _SHORTEST_PIECE)
    lines = raw.splitlines()
    if len(lines) > 1:
        found.update(line for line in lines if len(line) >= _SHORTEST_LINE)
    return found - {b""}


def _base64_pieces(raw: bytes) -> Iterable[bytes]:
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        yield encode(raw).rstrip(b"=")
        for shift in range(3):
            whole = encode(b"\0" * shift + raw)
            # Characters at the edges also carry bits of the neighbours.
            first = (shift * 8 + 5) // 6
            last = (shift + len(raw)) * 8 // 6
            yield whole[first:last]


class Redactor:
    """Replaces secrets in a stream; holds back only an end that may be the start of one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for secret in secrets if secret for form in forms(secret)}
        self._forms = sorted(found, key=lambda form: (-len(form), form))
        self._pattern = re.compile(b"|".join(map(re.escape, self._forms)))
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What of the stream so far can be shown."""
        if not self._forms:
            return data
        text = self._held + data
        cut = self._undecided(text)
        shown: list[bytes] = []
        position = 0
        for match in self._matches(text):
            if match.start() >= cut:
                break
            shown += (text[position : match.start()], REDACTED)
            position = match.end()
        cut = max(cut, position)
        self._held = text[cut:]
        return b"".join((*shown, text[position:cut]))

    def finish(self) -> bytes:
        """What was held back, at the end of the stream."""
        held, self._held = self._held, b""
        return self._pattern.sub(REDACTED, held) if self._forms else held

    def _matches(self, text: bytes) -> Iterable[re.Match[bytes]]:
        # A plain search is many times faster than the pattern, and most text holds no secret.
        if not any(form in text for form in self._forms):
            return ()
        return self._pattern.finditer(text)

    def _undecided(self, text: bytes) -> int:
        """Where the first end of ``text`` begins that is the start, not the whole, of a form."""
        earliest = len(text)
        for form in self._forms:
            start = max(0, len(text) - len(form) + 1)
            while (start := text.find(form[:1], start, earliest)) >= 0:
                if form.startswith(text[start:]):
                    earliest = start
                    break
                start += 1
        return earliest
