"""Pages: a limit, and a cursor that says after which item the next page begins."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query

from galley.errors import UsageError

Item = TypeVar("Item")
MOST, USUAL = 200, 50
Key = tuple[int | str, ...]
"""What a page is ordered by; the last item's is where the next page begins."""


class Paging:
    """The page that a caller asked for."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=MOST, description="How many items at most.")] = USUAL,
        cursor: Annotated[
            str | None,
            Query(max_length=600, description="`next` of the page before.", examples=[None]),
        ] = None,
    ) -> None:
        self.limit = limit
        self.cursor = cursor

    def after(self, *kinds: type) -> Any:
        """The key of the last item of the page before, ``None`` at the first page.

        Raises:
            UsageError: the cursor was not made by this list.
        """
        if self.cursor is None:
            return None
        try:
            found = json.loads(base64.urlsafe_b64decode(self.cursor.encode("ascii")))
        except (ValueError, binascii.Error):
            found = None
        shape = isinstance(found, list) and len(found) == len(kinds)
        if not shape or not all(type(one) is kind for one, kind in zip(found, kinds, strict=True)):
            raise UsageError(
                "the cursor is none of this list", hint="begin without one, then use `next`"
            )
        if any(isinstance(one, int) and abs(one) > _LARGEST for one in found):
            raise UsageError("the cursor is none of this list", hint="begin without one")
        return tuple(found)

    def page(
        self,
        found: Sequence[Item],
        key: Callable[[Item], Key],
        facts: Callable[[Sequence[Item]], list[Any]],
    ) -> dict[str, Any]:
        """The answer, from one item more than was asked for if there is a next page."""
        shown = found[: self.limit]
        more = len(found) > self.limit
        return {"items": facts(shown), "next": cursor_of(key(shown[-1])) if more else None}


_LARGEST = (1 << 63) - 1


def cursor_of(key: Key) -> str:
    """A key as a text that fits into an address."""
    packed = json.dumps(list(key), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode("ascii")


Page = Annotated[Paging, Depends()]
