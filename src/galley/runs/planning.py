"""Deciding for one step what is there already and what must be made, and saying why.

The same decision serves ``galley plan`` (over a catalogue in which steps that will run are marked
as pending) and the engine (over the run's own ref), so that what was planned is what happens.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from galley import codec
from galley.clock import iso
from galley.errors import WindowError
from galley.ids import digest
from galley.lake import trees
from galley.lake.model import Span, Version, WindowEntry
from galley.project import windows as calendar
from galley.project.model import Materialize, Step, WindowSpec, WindowUnit
from galley.runs import findings, keys

MOST_WINDOWS = 31
"""How many windows a plain run makes at once before it asks."""


class Move(StrEnum):
    """What happens to a step."""

    RUN = "run"
    REUSE = "reuse"


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What to do for one step.

    ``spans`` are the windows to make and ``span_keys`` their keys; ``kept`` those that are there;
    ``adopted`` windows that another ref has proved. ``results`` are whole tables to take over.
    ``key`` identifies the whole step's work; ``reusable`` is whether others may reuse it. ``recut``
    says that the table is cut otherwise than before: its windows can only be made all at once.
    """

    step: str
    move: Move
    why: str
    key: str
    reusable: bool
    identity: str
    spans: tuple[Span, ...] = ()
    span_keys: dict[str, str] = field(default_factory=dict)
    kept: tuple[Span, ...] = ()
    adopted: tuple[findings.Result, ...] = ()
    results: tuple[findings.Result, ...] = ()
    from_run: str | None = None
    recut: bool = False

    @property
    def tested(self) -> tuple[Span, ...]:
        """The windows whose tests are due: those made or adopted now, else those that are there."""
        taken = (result.body["window"]["span"] for result in self.adopted)
        new = {*self.spans, *(Span(span["start"], span["end"]) for span in taken)}
        return tuple(sorted(new)) or self.kept


@dataclass(frozen=True, slots=True)
class Setting:
    """What a plan depends on besides the data.

    ``variables`` are bound values by pipeline. ``earlier`` maps steps of the run that is resumed
    to (key, run id), ``earlier_head`` is where that left its tables; ``probes`` maps steps that
    read the outside to what they saw there. ``unbounded`` lifts the limit on windows at once.
    ``source`` is the commit whose windows a promotion brings over.
    """

    project: str
    variables: Mapping[str, Mapping[str, Any]]
    toolchain: str
    now: int
    windows: tuple[str, str] | None = None
    rebuild: frozenset[str] = frozenset()
    earlier: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    earlier_head: str | None = None
    probes: Mapping[str, str | None] = field(default_factory=dict)
    unbounded: bool = False
    source: str | None = None

    def values(self, step: Step) -> Mapping[str, Any]:
        """The bound variables of the step's pipeline."""
        return self.variables.get(step.pipeline, {})


class Scene:
    """The tables as a step of a run sees them: its ref's head, other projects at their pins.

    ``pending`` are tables that will be made anew: all of it (``None``) or the given windows.
    """

    def __init__(
        self, connection: Connection, project: str, head: str, pins: Mapping[str, str]
    ) -> None:
        self.connection = connection
        self.project = project
        self.head = head
        self.pins = pins
        self.pending: dict[str, tuple[Span, ...] | None] = {}

    def versions(self, tables: Collection[str]) -> dict[str, Version]:
        """The present versions of the named tables and of all that their views read."""
        found: dict[str, Version] = {}
        asked: set[str] = set()
        wanted = set(tables)
        while wanted:
            asked |= wanted
            found |= self._look_up(wanted)
            views = [version for version in found.values() if version.view_sql]
            wanted = {name for view in views for name in view.inputs} - asked
        return found

    def ledger(self, table_id: str) -> dict[Span, WindowEntry]:
        """The windows a table has."""
        return trees.ledger(self.connection, self.head, table_id)

    def contents(self, versions: Mapping[str, Version]) -> dict[str, str]:
        """The content of each version; pending tables have one that matches nothing."""
        found = keys.effective_contents(versions)
        return found | {name: f"pending {name}" for name in self.pending}

    def _look_up(self, names: Collection[str]) -> dict[str, Version]:
        own = [name for name in names if "." not in name]
        found = trees.lookup(self.connection, self.head, own) if own else {}
        for name in names:
            other, dot, table = name.partition(".")
            if dot and other in self.pins:
                version = trees.lookup(self.connection, self.pins[other], [table]).get(table)
                if version is not None:
                    found[name] = version
        return found


def cut_of(step: Step) -> dict[str, str] | None:
    """How a step's tables are cut into windows, as their versions keep it; None: not at all."""
    window = step.window
    if window is None or step.materialize not in (Materialize.WINDOW, Materialize.APPEND):
        return None
    return {"column": window.column.lower(), "by": window.by.value, "timezone": window.timezone}


def plan_step(scene: Scene, step: Step, setting: Setting) -> StepPlan:
    """Decide what to do for ``step``.

    Raises:
        WindowError: the requested windows do not fit the step, or are too many to make unasked.
    """
    identity = keys.step_identity(step, setting.values(step), setting.toolchain)
    if step.window is not None and step.materialize in (Materialize.WINDOW, Materialize.APPEND):
        return _plan_windows(scene, step, step.window, setting, identity)
    return _plan_whole(scene, step, setting, identity)


def _plan_whole(scene: Scene, step: Step, setting: Setting, identity: str) -> StepPlan:
    versions = scene.versions((*step.inputs, *step.outputs))
    contents = scene.contents(versions)
    read = {name: contents.get(name, "absent") for name in step.inputs}
    if step.materialize in (Materialize.MERGE, Materialize.APPEND):
        read |= {name: contents.get(name, "absent") for name in step.outputs}
    probe = setting.probes.get(step.name)
    key = keys.table_key(identity, read, probe)
    blocked = keys.unusable(step, probe)

    def plan(move: Move, why: str, **more: Any) -> StepPlan:
        return StepPlan(step.name, move, why, key, blocked is None, identity, **more)

    if step.name in setting.rebuild:
        return plan(Move.RUN, "a rebuild was asked for")
    earlier = setting.earlier.get(step.name)
    if earlier is not None and earlier[0] == key:
        left = _left(scene, step, setting, earlier[1])
        if {result.table for result in left} == set(step.outputs):
            why = f"unchanged since run {earlier[1]}"
            return plan(Move.REUSE, why, results=tuple(left), from_run=earlier[1])
    if blocked is not None:
        return plan(Move.RUN, blocked)
    found = findings.find_results(scene.connection, setting.project, [key]).get(key, [])
    results = _one_each(step, found)
    if results is not None:
        return plan(
            Move.REUSE, _same_as(results[0].run_id), results=results, from_run=results[0].run_id
        )
    return plan(Move.RUN, _why_run(scene, step, versions, read, setting))


def _left(scene: Scene, step: Step, setting: Setting, run_id: str) -> list[findings.Result]:
    """What the run that is resumed staged for a step, as results to take over."""
    if setting.earlier_head is None:
        return []
    there = trees.lookup(scene.connection, setting.earlier_head, step.outputs)
    return [
        findings.Result("", name, version.content_id, run_id, step.name, codec.to_plain(version))
        for name, version in there.items()
    ]


def _one_each(step: Step, found: list[findings.Result]) -> tuple[findings.Result, ...] | None:
    """The newest run's results, if it made every output."""
    by_run: dict[str, dict[str, findings.Result]] = {}
    for result in found:
        by_run.setdefault(result.run_id, {})[result.table] = result
    for results in by_run.values():
        if set(step.outputs) <= set(results):
            return tuple(results[table] for table in step.outputs)
    return None


def _same_as(run_id: str) -> str:
    return f"same code, settings, libraries and inputs as in run {run_id}"


def _why_run(
    scene: Scene,
    step: Step,
    versions: Mapping[str, Version],
    read: Mapping[str, str],
    setting: Setting,
) -> str:
    pending = [name for name in step.inputs if name in scene.pending]
    if pending:
        return f"{_names(pending)} will be made anew"
    there = [versions[name] for name in step.outputs if name in versions]
    if len(there) < len(step.outputs):
        missing = [name for name in step.outputs if name not in versions]
        return f"{_names(missing)} is not there yet"
    before = there[0].made
    if not before:
        return "it was not made by this step"
    return "; ".join(_differences(step, there[0], read, setting)) or "its earlier result is gone"


def _differences(
    step: Step, version: Version, read: Mapping[str, str], setting: Setting
) -> list[str]:
    """What differs from how the present version was made, in words."""
    before = version.made
    said = []
    if before.get("code") != step.code_hash:
        said.append("its code changed")
    old: Mapping[str, Any] = before.get("variables") or {}
    present = setting.values(step)
    for name in step.variables:
        if old.get(name) != present.get(name):
            said.append(f"variable {name} changed from {old.get(name)!r} to {present.get(name)!r}")
    if before.get("toolchain") != setting.toolchain:
        said.append("the toolchain changed")
    changed = [name for name in step.inputs if version.inputs.get(name) != read.get(name)]
    if changed:
        said.append(f"{_names(changed)} changed")
    if before.get("probe") != setting.probes.get(step.name):
        said.append("what it loads changed")
    return said


def _plan_windows(
    scene: Scene, step: Step, window: WindowSpec, setting: Setting, identity: str
) -> StepPlan:
    versions = scene.versions((*step.inputs, *step.outputs))
    own = versions.get(step.outputs[0])
    ledger = scene.ledger(own.table_id) if own else {}
    recut = own is not None and _recut(step, own, setting)
    there = _present(step, window, own, ledger) if own else ()
    wanted = _promoted(scene, step, window, setting, there)
    wanted = wanted or _wanted(step, window, setting, there)
    if recut:
        # The table is replaced whole, so whatever it has must be made again.
        wanted = tuple(sorted({*wanted, *there}))
    span_keys = _span_keys(scene, step, window, setting, identity, versions, wanted)
    rebuild = recut or step.name in setting.rebuild
    reusable = keys.unusable(step, setting.probes.get(step.name)) is None
    stale, kept = _sort_out(step, wanted, span_keys, ledger, rebuild)
    adopted: tuple[findings.Result, ...] = ()
    if stale and not rebuild:
        wanted_keys = [span_keys[str(span)] for span in stale]
        adopted = _left_windows(scene, setting, step, wanted_keys)
        if reusable:
            adopted = adopted or _adoptable(scene, setting, step, wanted_keys)
        taken = {result.key for result in adopted}
        stale = tuple(span for span in stale if span_keys[str(span)] not in taken)
    if len(stale) > MOST_WINDOWS and setting.windows is None and not setting.unbounded:
        raise WindowError(
            f"{len(stale)} windows of {step.name} are missing or stale "
            f"({stale[0]} to {stale[-1]}), more than {MOST_WINDOWS} to make unasked",
            hint=f"galley backfill {step.pipeline}, or --window {stale[0].start}..{stale[-1].end}",
        )
    return StepPlan(
        step=step.name,
        move=Move.RUN if stale else Move.REUSE,
        why=f"{_windows(len(stale))} to be made anew: the table was cut otherwise before"
        if recut
        else _why_windows(scene, step, stale, kept, adopted, ledger, rebuild),
        key=digest("windows", *(span_keys[str(span)] for span in wanted)),
        reusable=reusable,
        identity=identity,
        spans=stale,
        span_keys=span_keys,
        kept=kept,
        adopted=adopted,
        from_run=adopted[0].run_id if adopted and not stale else None,
        recut=recut,
    )


def _recut(step: Step, own: Version, setting: Setting) -> bool:
    """Whether the table was cut by another column, unit or time zone than its step cuts it now.

    Raises:
        WindowError: it was, and its rows could get lost where nobody asked for a rebuild.
    """
    before, now = own.made.get("window"), cut_of(step)
    if before is None or now is None or before == now:
        return False
    kept = step.materialize is Materialize.APPEND or WindowUnit.KEY in (before["by"], now["by"])
    if kept and step.name not in setting.rebuild:
        raise WindowError(
            f"{own.table} was cut by {before['by']} of {before['column']} ({before['timezone']}), "
            f"and now by {now['by']} of {now['column']} ({now['timezone']}): its windows would "
            "have to be made anew, all of them",
            hint=f"--rebuild {step.name} replaces the whole table, or give the step a new name",
        )
    return True


def _present(
    step: Step, window: WindowSpec, version: Version, ledger: Collection[Span]
) -> Collection[Span]:
    """The windows a table has, as the step cuts it now."""
    before = version.made.get("window")
    if before is None or before == cut_of(step):
        return ledger
    if WindowUnit.KEY in (window.by, before["by"]):
        return ()
    found: set[Span] = set()
    for span in ledger:
        first, after = calendar.parse_range(span.start, window)
        pairs = calendar.spans(window, first, max(after, span.end))
        found.update(Span(*pair) for pair in pairs)
    return found


def _promoted(
    scene: Scene, step: Step, window: WindowSpec, setting: Setting, present: Collection[Span]
) -> tuple[Span, ...]:
    """The windows a promotion is about: those the target has and those its source has."""
    if setting.source is None:
        return ()
    there = trees.lookup(scene.connection, setting.source, step.outputs[:1])
    found = set(present)
    for version in there.values():
        ledger = trees.ledger(scene.connection, setting.source, version.table_id)
        found |= set(_present(step, window, version, ledger))
    return tuple(sorted(found))


def _wanted(
    step: Step, window: WindowSpec, setting: Setting, present: Collection[Span]
) -> tuple[Span, ...]:
    """The windows that the run is about: those asked for, or all complete ones since the start."""
    if setting.windows is not None:
        start, end = setting.windows
        asked = tuple(Span(*pair) for pair in calendar.spans(window, start, end))
        return _declared(window, asked, present)
    if window.by is WindowUnit.KEY or window.start is None:
        if present:
            return tuple(sorted(present))
        raise WindowError(
            f"nothing says which windows of {step.name} to make",
            hint="give --window, or a `start` under `window:` in the step",
        )
    until = calendar.complete_until(window, setting.now)
    if window.end is not None:
        until = min(until, window.end)
    if until <= window.start:
        raise WindowError(
            f"no window of {step.name} is complete: its first starts at {window.start} and it is "
            f"{iso(setting.now)}",
            hint="run again when the first window is over, or give --window",
        )
    return tuple(Span(*pair) for pair in calendar.spans(window, window.start, until))


def _declared(
    window: WindowSpec, asked: tuple[Span, ...], present: Collection[Span]
) -> tuple[Span, ...]:
    """The windows asked for that lie between the step's declared start and end.

    A table that would have none yet gets its first one, so that its readers find a table.
    """
    if window.by is WindowUnit.KEY:
        return asked
    first = calendar.parse_range(window.start, window)[0] if window.start else None
    last = calendar.parse_range(window.end, window)[0] if window.end else None
    found = tuple(
        span
        for span in asked
        if (first is None or span.start >= first) and (last is None or span.start < last)
    )
    if found or present or first is None:
        return found
    return (Span(first, calendar.shift(window, first, 1)),)


def _span_keys(
    scene: Scene,
    step: Step,
    window: WindowSpec,
    setting: Setting,
    identity: str,
    versions: Mapping[str, Version],
    wanted: tuple[Span, ...],
) -> dict[str, str]:
    contents = scene.contents(versions)
    cut = {
        name: scene.ledger(versions[name].table_id)
        for name in step.inputs
        if name in versions
        and "." not in name
        and name not in step.outputs
        and _cut_alike(step, versions[name])
    }
    cut = {name: ledger for name, ledger in cut.items() if ledger}
    whole = {
        name: contents.get(name, "absent")
        for name in step.inputs
        if name not in cut and name not in step.outputs
    }
    probe = setting.probes.get(step.name)
    if probe is not None:
        whole["probe"] = probe
    found = {}
    for span in wanted:
        earlier = _lookback(window, span)
        windowed = {
            name: _windows_read(scene, name, ledger, span, earlier) for name, ledger in cut.items()
        }
        found[str(span)] = keys.window_key(identity, span, whole, windowed)
    return found


def _cut_alike(step: Step, version: Version) -> bool:
    """Whether an input's windows say what a window of the step reads of it.

    Those of time do in one time zone, whatever their units; keys do if they are the same column's.
    """
    mine, theirs = cut_of(step), version.made.get("window")
    if mine is None or theirs is None:
        return False
    if WindowUnit.KEY in (mine["by"], theirs["by"]):
        return (mine["by"], mine["column"]) == (theirs["by"], theirs["column"])
    return bool(mine["timezone"] == theirs["timezone"])


def _lookback(window: WindowSpec, span: Span) -> tuple[Span, ...]:
    if not window.lookback:
        return ()
    first = calendar.shift(window, span.start, -window.lookback)
    return tuple(Span(*pair) for pair in calendar.spans(window, first, span.start))


def _windows_read(
    scene: Scene,
    name: str,
    ledger: Mapping[Span, WindowEntry],
    span: Span,
    earlier: tuple[Span, ...],
) -> tuple[str, ...]:
    pending = scene.pending.get(name, ())
    if pending is None or any(one.overlaps(other) for one in (span, *earlier) for other in pending):
        return (f"pending {name}",)
    return keys.windows_read(ledger, span, earlier)


def _sort_out(
    step: Step,
    wanted: tuple[Span, ...],
    span_keys: Mapping[str, str],
    ledger: Mapping[Span, WindowEntry],
    rebuild: bool,
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Which windows must be made, and which are there. Rows once appended are never redone."""
    kept = []
    for span in wanted:
        entry = ledger.get(span)
        if entry is None or rebuild:
            continue
        if step.materialize is Materialize.APPEND or entry.key == span_keys[str(span)]:
            kept.append(span)
    there = set(kept)
    return tuple(span for span in wanted if span not in there), tuple(kept)


def _left_windows(
    scene: Scene, setting: Setting, step: Step, wanted: list[str]
) -> tuple[findings.Result, ...]:
    """The windows with these keys that the run which is resumed has made."""
    if setting.earlier_head is None or len(step.outputs) != 1:
        return ()
    there = trees.lookup(scene.connection, setting.earlier_head, step.outputs)
    found: dict[str, findings.Result] = {}
    for name, version in there.items():
        body = codec.to_plain(version)
        ledger = trees.ledger(scene.connection, setting.earlier_head, version.table_id)
        for entry in ledger.values():
            pair = {"version": body, "window": codec.to_plain(entry)}
            run_id = str(version.made.get("run", ""))
            found[entry.key] = findings.Result(
                entry.key, name, entry.content_id, run_id, step.name, pair
            )
    return tuple(found[key] for key in wanted if key in found)


def _adoptable(
    scene: Scene, setting: Setting, step: Step, wanted: list[str]
) -> tuple[findings.Result, ...]:
    if len(step.outputs) != 1 or step.reads_self:
        return ()
    found = findings.find_results(scene.connection, setting.project, wanted)
    return tuple(found[key][0] for key in wanted if key in found)


def _why_windows(
    scene: Scene,
    step: Step,
    stale: tuple[Span, ...],
    kept: tuple[Span, ...],
    adopted: tuple[findings.Result, ...],
    ledger: Mapping[Span, WindowEntry],
    rebuild: bool,
) -> str:
    said = []
    missing = [span for span in stale if span not in ledger]
    other = len(stale) - len(missing)
    if missing:
        said.append(f"{_windows(len(missing))} missing ({_range(missing)})")
    if other:
        said.append(f"{_windows(other)} {_why_stale(scene, step, stale, ledger, rebuild)}")
    if adopted:
        said.append(f"{_windows(len(adopted))} made before with the same code and inputs")
    if kept:
        said.append(f"{_windows(len(kept))} there and unchanged")
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
        return f"stale: {_names(pending)} will be made anew"
    codes = {ledger[span].code for span in stale if span in ledger}
    return "stale: the code changed" if codes != {step.code_hash} else "stale: inputs changed"


def _range(spans: list[Span]) -> str:
    first, last = spans[0], spans[-1]
    return str(first) if first == last else f"{first.start}..{last.end}"


def _windows(count: int) -> str:
    return f"{count} window{'s' if count != 1 else ''}"


def _names(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
