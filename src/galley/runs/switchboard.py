"""One ``selectors`` loop over channels, pipes and signals."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
from collections.abc import Callable, Iterable
from typing import Any

from galley.runs.framing import Channel

"""Called with the mask of what happened."""


class Switchboard:
    """Waits for whatever happens next and calls whom it concerns."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wakeups: tuple[socket.socket, socket.socket] | None = None

    def listen(self, channel: Channel, callback: Callable[[], None]) -> None:
        """Call when something can be read from the channel; what waits in it is sent by itself."""

        def on_event(mask: int) -> None:
            if mask & selectors.EVENT_WRITE:
                channel.flush()
                self._rearm(channel)
            if mask & selectors.EVENT_READ:
                callback()

        self._selector.register(channel, selectors.EVENT_READ, on_event)

    def listen_to_pipe(self, pipe: int, read: Callable[[], bytes | None]) -> None:
        """Call when the pipe can be read, until it is at its end."""

        def on_event(_mask: int) -> None:
            if read() == b"":
                self.forget(pipe)

        self._selector.register(pipe, selectors.EVENT_READ, on_event)

    def listen_to_signals(
        self, numbers: Iterable[signal.Signals], callback: Callable[[bytes], None]
    ) -> None:
        """Call with the numbers of the signals that arrived; nothing else happens at a signal."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._wakeups = (ours, theirs)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda _number, _frame: None)

        def on_event(_mask: int) -> None:
            with contextlib.suppress(BlockingIOError):
                callback(ours.recv(4096))

        self._selector.register(ours, selectors.EVENT_READ, on_event)

    def send(self, channel: Channel, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send a frame; what the other end does not take now follows when it does."""
        channel.send(header, payload)
        self._rearm(channel)

    def forget(self, source: Channel | int) -> None:
        """Listen no more; nothing happens if that was so before."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)

    def wait(self, seconds: float) -> list[tuple[selectors.SelectorKey, int]]:
        """What happened, at the latest after that time."""
        return self._selector.select(seconds)

    def call(self, happened: list[tuple[selectors.SelectorKey, int]]) -> None:
        """Call whom it concerns; an earlier callback may have closed what a later one is about."""
        for key, mask in happened:
            if self._selector.get_map().get(key.fd) is key:
                key.data(mask)

    def _rearm(self, channel: Channel) -> None:
        """Ask to be told when a channel that took no more takes more again."""
        key = self._selector.get_map().get(channel)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.pending else 0)
        if key is not None and key.events != wanted:
            self._selector.modify(channel, wanted, key.data)
