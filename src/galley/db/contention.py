"""Units of work that the database ended for another one's sake: they are done again.

PostgreSQL ends one of several transactions that wait for each other (SQLSTATE 40P01) or that
cannot be put in an order (40001). Nothing of it stays, and nothing is wrong with the database.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from galley.errors import ContendedError

TRIES = 5
LONGEST = 0.05
"""Seconds: how long the first pause between two tries may be; each may be twice the one before."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


def repeated(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """A function that is called again, a few times, when the database ended its unit of work.

    Only for one whose changes are all in a single unit of work, or that finds in the database what
    it has done already.

    Raises:
        ContendedError: it was ended each time.
    """

    @functools.wraps(work)
    def again(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        for number in range(1, TRIES):
            try:
                return work(*args, **kwargs)
            except ContendedError:
                # Not in step with whoever it was.
                time.sleep(random.uniform(0, LONGEST * 2**number))  # noqa: S311
        return work(*args, **kwargs)

    return again
