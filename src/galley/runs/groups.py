"""What waiting steps are told apart by when they are claimed: labels they need, limits they obey.

Steps with the same labels and limits are one group. There are few groups, however many steps wait,
so that a claim looks at the head of each and never at the rest of the queue.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from galley.project.model import Manifest, Step


@dataclass(frozen=True, slots=True)
class Group:
    """Labels that a worker must bear, and names of limits that count."""

    labels: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The group as it stands in the database; nothing for steps without demands."""
        if not self.labels and not self.limits:
            return ""
        return json.dumps([self.labels, self.limits], separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Group:
        """The group that a text of the database names."""
        labels, limits = json.loads(text) if text else ((), ())
        return cls(tuple(labels), tuple(limits))

    def fits(self, labels: Collection[str] | None) -> bool:
        """Whether a worker with these labels may take it; one with ``None`` takes everything."""
        return labels is None or set(self.labels) <= set(labels)


def group_of(manifest: Manifest, step: Step | None) -> Group:
    """The group of a step; tests on their own have none."""
    if step is None:
        return Group()
    return Group(step.placement.labels, tuple(sorted(limits_of(manifest, step))))


def limits_of(manifest: Manifest, step: Step) -> dict[str, int]:
    """The limits that count for a step, by name: its pool, its pipeline, its own."""
    pipeline = manifest.pipelines[step.pipeline]
    found = {
        f"{manifest.project}/pipeline/{pipeline.name}": pipeline.concurrency,
        f"{manifest.project}/step/{step.name}": step.placement.concurrency,
    }
    if (pool := step.placement.pool) is not None:
        found[f"{manifest.project}/pool/{pool}"] = manifest.pools[pool]
    return {name: slots for name, slots in found.items() if slots is not None}


def rooms(slots: Mapping[str, int], at_work: Iterable[tuple[Group, int]]) -> dict[str, int]:
    """How many more steps may start under each limit; ``at_work`` counts those of each group."""
    left = dict(slots)
    for group, number in at_work:
        for name in group.limits:
            if name in left:
                left[name] -= number
    return left
