"""Saying why windows are made, stay or are taken over."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from galley.lake import withdrawals
from galley.lake.model import Span, WindowEntry
from galley.project.model import Step
from galley.runs import chaining, takenback
from galley.runs.findings import Result
from galley.runs.scene import Scene


def why_windows(
    scene: Scene,
    step: Step,
    stale: tuple[Span, ...],
    kept: tuple[Span, ...],
    accepted: Collection[WindowEntry],
    adopted: tuple[Result, ...],
    ledger: Mapping[Span, WindowEntry],
    rebuild: bool,
    gone: Mapping[Span, withdrawals.Withdrawal],
) -> str:
    """What is to be made and what is not, of the windows that were wanted."""
    said = []
    missing = [span for span in stale if span not in ledger]
    other = len(stale) - len(missing)
    if missing:
        said.append(f"{counted(len(missing))} missing ({_range(missing)})")
    back = {str(span): gone[span] for span in stale if span in gone}
    if back:
        said.append(f"{counted(len(back))} {takenback.words(back)}")
    if other := other - len(back):
        left = tuple(span for span in stale if span not in gone)
        said.append(f"{counted(other)} {_why_stale(scene, step, left, ledger, rebuild)}")
    if adopted:
        said.append(f"{counted(len(adopted))} made before with the same code and inputs")
    if kept:
        said.append(f"{counted(len(kept))} there and unchanged")
    if accepted:
        said.append(f"{counted(len(accepted))} kept as earlier code made them")
    return "; ".join(said) or "no windows"


def _why_stale(
    scene: Scene,
    step: Step,
    stale: tuple[Span, ...],
    ledger: Mapping[Span, WindowEntry],
    rebuild: bool,
) -> str:
    if rebuild:
        return "to be rebuilt as asked"
    pending = [name for name in step.inputs if name in scene.pending]
    if pending:
        return f"stale: {named(pending)} will be made anew"
    codes = {ledger[span].code for span in stale if span in ledger}
    if codes != {step.code_hash}:
        return "stale: the code changed"
    chained = chaining.chained(step)
    return f"stale: inputs{', or windows before them,' if chained else ''} changed"


def _range(spans: list[Span]) -> str:
    first, last = spans[0], spans[-1]
    return str(first) if first == last else f"{first.start}..{last.end}"


def counted(count: int) -> str:
    """So many windows."""
    return f"{count} window{'s' if count != 1 else ''}"


def named(names: Collection[str]) -> str:
    """Names in their order, as a sentence has them."""
    return ", ".join(sorted(names))
