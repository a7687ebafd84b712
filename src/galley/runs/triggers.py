"""What fires when. Pure: the same answers to the same times, whoever asks and however often.

A fire has a nominal time, which follows from its trigger alone. A trigger remembers up to which
nominal time it has been looked at, and that never goes back: so a fire is neither missed nor made
twice, however late or irregular the looks are, and whatever the clock does between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from galley.clock import SECOND, from_datetime, to_datetime
from galley.project import cron
from galley.project.schedule import CatchUp, Cron, Every, On, Overlap, Promise

ON_TIME = 60 * SECOND
"""Microseconds after its nominal time within which a fire is no late one that needs catching up."""

MOST_LOOKED_AT = 1_000
"""Nominal times that one look goes through; the rest is left to the next."""

FIRST_WAIT, LONGEST_WAIT = 60 * SECOND, 3600 * SECOND
"""Microseconds before a run that failed is tried again because its tables are still new."""


class Decision(StrEnum):
    """What becomes of a fire."""

    RUN = "run"
    REPLACE = "replace"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a trigger found: the nominal times to fire, and those that are let go.

    ``seen`` is up to where it has looked, ``due`` when to look again (``None``: never).
    """

    fires: tuple[int, ...]
    missed: tuple[int, ...]
    seen: int
    due: int | None


def times(on: On, anchor: int, after: int) -> Iterator[int]:
    """The nominal times of a trigger after an instant, in order; none if no clock fires it.

    An interval counts from ``anchor``, the instant at which the trigger became active.
    """
    if isinstance(on, Cron):
        yield from cron.times(on.expression, on.timezone, after)
    elif isinstance(on, Every):
        length = max(1, round(on.seconds * SECOND))
        at = anchor + max(0, (after - anchor) // length + 1) * length
        while True:
            yield at
            at += length


def next_time(on: On, anchor: int, after: int) -> int | None:
    """The first nominal time after an instant."""
    return next(times(on, anchor, after), None)


def look(
    on: On, catch_up: CatchUp, anchor: int, seen: int, now: int, *, most: int = MOST_LOOKED_AT
) -> Look:
    """What is to fire now of all that came due since ``seen``.

    Times that were seen are past, whatever the clock says now: a clock that was ahead and returns
    makes nothing fire again, and nothing that was not seen yet is left out. At most ``most`` fires
    are given at once.
    """
    if now <= seen:
        return Look((), (), seen, next_time(on, anchor, seen))
    passed: list[int] = []
    due = None
    for at in islice(times(on, anchor, seen), min(most, MOST_LOOKED_AT) + 1):
        if at > now or len(passed) == min(most, MOST_LOOKED_AT):
            due = at
            break
        passed.append(at)
    if not passed:
        return Look((), (), seen, due)
    # A look that had to stop half way says nothing yet about which was the last.
    whole = due is None or due > now
    fires = tuple(at for at in passed if _fires(catch_up, at, passed[-1] if whole else None, now))
    missed = tuple(at for at in passed if at not in set(fires))
    return Look(fires, missed, passed[-1], due)


def _fires(catch_up: CatchUp, at: int, last: int | None, now: int) -> bool:
    if catch_up is CatchUp.ALL:
        return True
    if now - at <= ON_TIME:
        return True
    return catch_up is CatchUp.LAST and at == last


def decide(overlap: Overlap, *, under_way: bool, waiting: int, most_waiting: int) -> Decision:
    """What a fire does about runs of its pipeline that have not ended."""
    if overlap is Overlap.SKIP and (under_way or waiting):
        return Decision.SKIP
    if overlap is Overlap.CANCEL and (under_way or waiting):
        return Decision.REPLACE
    return Decision.SKIP if waiting >= most_waiting else Decision.RUN


def wait_after(failures: int) -> int:
    """Microseconds until a table that is still new starts another run, after so many failed."""
    return min(LONGEST_WAIT, FIRST_WAIT << min(max(failures - 1, 0), 10))


def deadlines(promise: Promise, after: int) -> Iterator[int]:
    """The instants at which a promise is due, after one."""
    days = ",".join(str((day + 1) % 7) for day in promise.days) or "*"
    hour, minute = promise.at.split(":")
    return cron.times(f"{int(minute)} {int(hour)} * * {days}", promise.timezone, after)


def fresh_since(promise: Promise, deadline: int) -> int:
    """The instant since which a run must have begun to be fresh at a deadline."""
    if promise.within is not None:
        return deadline - round(promise.within * SECOND)
    place = cron.zone(promise.timezone)
    if place is None:
        raise ValueError(promise.timezone)
    local = to_datetime(deadline).astimezone(place).replace(tzinfo=None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return from_datetime(cron.after_gap(midnight, place))


def upcoming(on: On, anchor: int, now: int, count: int) -> Sequence[int]:
    """The next nominal times."""
    return list(islice(times(on, anchor, now), count))
