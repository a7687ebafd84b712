"""Child processes that are asked one thing and have a time limit for the answer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """How a child ended. ``status`` is ``None`` where it was ended: by its limit, or by us."""

    status: int | None
    out: str = ""
    err: str = ""
    over: str = ""


class Children:
    """Asks, and ends whom it has asked when it is closed."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def ask(
        self,
        command: Sequence[str],
        told: Any,
        limit: float,
        environ: Mapping[str, str] | None = None,
    ) -> Said:
        """Tell a child something on standard input and wait for its end, ``limit`` seconds."""
        pipe = subprocess.PIPE
        with self._lock:
            if self._closed.is_set():
                return Said(None, over="not asked: this server stops")
            # A session of its own: Ctrl-C is for us, and its children end with it.
            child = subprocess.Popen(
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                text=True,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )
            self._running.add(child)
        try:
            out, err = child.communicate(json.dumps(told), timeout=limit)
        except subprocess.TimeoutExpired:
            _end(child)
            child.communicate()
            return Said(None, over=f"no answer within {limit:g} s")
        finally:
            with self._lock:
                self._running.discard(child)
        if self._closed.is_set() and child.returncode < 0:
            return Said(None, over="ended: this server stops")
        return Said(child.returncode, out, err)

    def close(self) -> None:
        """End all children, and ask no more."""
        with self._lock:
            self._closed.set()
            for child in self._running:
                _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
