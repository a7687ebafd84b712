"""What wakes an engine that waits for news of its workers."""

from __future__ import annotations

import contextlib
import os
import select


class Bell:
    """A pipe: it can be waited for together with other descriptors, and rung by any thread."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)

    def fileno(self) -> int:
        """A descriptor that can be read once it was rung."""
        return self._out

    def ring(self) -> None:
        """Wake who waits, now or next."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._in, b"!")

    def wait(self, seconds: float) -> None:
        """Until it is rung, but not longer."""
        select.select([self._out], [], [], seconds)

    def hush(self) -> None:
        """Forget that it was rung."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._out, 4096)
