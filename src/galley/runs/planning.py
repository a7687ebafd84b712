"""Deciding for one step what is there already and what must be made, and saying why.

The same decision serves ``galley plan`` (over a catalogue in which steps that will run are marked
as pending) and the engine (over the run's own ref), so that what was planned is what happens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from galley import codec
from galley.errors import WindowError
from galley.ids import digest
from galley.lake import trees, withdrawals
from galley.lake.model import Span, Version, WindowEntry
from galley.project import windows as calendar
from galley.project.model import Materialize, Step, WindowSpec, WindowUnit
from galley.runs import chaining, cutting, findings, keys, takenback
from galley.runs.chaining import Sorted, Wanted
from galley.runs.coverage import Coverage, in_order
from galley.runs.saying import counted, named, why_windows
from galley.runs.scene import Scene

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
    ``adopted`` windows that another ref has proved, which are the ``whole`` table or are put into
    it; ``accepted`` those that stay though the code is another one, with the keys they get.
    ``results`` are whole tables to take over. ``key`` identifies the whole step's work;
    ``reusable`` is whether others may reuse it. ``recut`` says that the table is cut otherwise
    than before: its windows can only be made all at once. ``remade`` of ``spans`` are there.
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
    accepted: tuple[WindowEntry, ...] = ()
    adopted: tuple[findings.Result, ...] = ()
    whole: bool = False
    results: tuple[findings.Result, ...] = ()
    from_run: str | None = None
    recut: bool = False
    remade: int = 0

    @property
    def tested(self) -> tuple[Span, ...]:
        """The windows whose tests are due: those made or adopted now, else those that are there."""
        return tuple(in_order((*self.spans, *self.taken))) or self.kept

    @property
    def taken(self) -> tuple[Span, ...]:
        """The windows that another ref has proved."""
        spans = (result.body["window"]["span"] for result in self.adopted)
        return tuple(Span(span["start"], span["end"]) for span in spans)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a plan depends on besides the data.

    ``variables`` are bound values by pipeline. ``earlier`` maps steps of the run that is resumed
    to (key, run id), ``earlier_head`` is where that left its tables and ``earlier_base`` where it
    had begun; ``probes`` maps steps that read the outside to what they saw there. ``unbounded``
    lifts the limit on windows at once. ``source`` is the commit whose windows a promotion brings
    over; with ``forward_only``, or before ``since``, windows that other code made stay as they are.
    """

    project: str
    variables: Mapping[str, Mapping[str, Any]]
    toolchain: str
    now: int
    windows: tuple[str, str] | None = None
    rebuild: frozenset[str] = frozenset()
    earlier: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    earlier_head: str | None = None
    earlier_base: str | None = None
    probes: Mapping[str, str | None] = field(default_factory=dict)
    unbounded: bool = False
    source: str | None = None
    since: str | None = None
    forward_only: bool = False

    def values(self, step: Step) -> Mapping[str, Any]:
        """The bound variables of the step's pipeline."""
        return self.variables.get(step.pipeline, {})


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

    earlier = setting.earlier.get(step.name)
    if earlier is not None and earlier[0] == key:
        left = _left(scene, step, setting, earlier[1])
        if {result.table for result in left} == set(step.outputs):
            why = f"unchanged since run {earlier[1]}"
            return plan(Move.REUSE, why, results=tuple(left), from_run=earlier[1])
    if step.name in setting.rebuild:
        return plan(Move.RUN, "a rebuild was asked for")
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
    gone = takenback.why(scene.connection, scene.project, scene.base, step.outputs)
    if gone is not None:
        return f"its earlier result was {gone}"
    pending = [name for name in step.inputs if name in scene.pending]
    if pending:
        return f"{named(pending)} will be made anew"
    there = [versions[name] for name in step.outputs if name in versions]
    if len(there) < len(step.outputs):
        missing = [name for name in step.outputs if name not in versions]
        return f"{named(missing)} is not there yet"
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
    said += _settings_changed(step, version, setting)
    changed = [name for name in step.inputs if version.inputs.get(name) != read.get(name)]
    if changed:
        said.append(f"{named(changed)} changed")
    if before.get("probe") != setting.probes.get(step.name):
        said.append("what it loads changed")
    return said


def _settings_changed(step: Step, version: Version, setting: Setting) -> list[str]:
    """The variables and libraries that differ from those a version was made with, in words."""
    said = []
    old: Mapping[str, Any] = version.made.get("variables") or {}
    present = setting.values(step)
    for name in step.variables:
        if old.get(name) != present.get(name):
            said.append(f"variable {name} changed from {old.get(name)!r} to {present.get(name)!r}")
    if version.made.get("toolchain") != setting.toolchain:
        said.append("the toolchain changed")
    return said


def _plan_windows(
    scene: Scene, step: Step, window: WindowSpec, setting: Setting, identity: str
) -> StepPlan:
    versions = scene.versions((*step.inputs, *step.outputs))
    own = versions.get(step.outputs[0])
    asked = step.name in setting.rebuild
    recut = own is not None and cutting.recut(step, own, rebuild=asked)
    wanted, ledger = _wanted(scene, step, window, setting, own)
    if recut:
        # The table is replaced whole, so whatever it has must be made again.
        wanted = tuple(in_order((*wanted, *cutting.present(step, window, own, ledger))))
    own_keys = _span_keys(scene, step, window, setting, identity, versions, wanted)
    anew = recut or asked
    whole = anew and (recut or setting.windows is None)
    gone = _gone(scene, [ledger[span] for span in wanted if span in ledger])
    sort = _sorted_chain if chaining.chained(step) else _sorted_apart
    found = sort(
        scene,
        step,
        setting,
        _Table(window, own, ledger, gone, wanted, own_keys, anew=anew, whole=whole),
    )
    stale, span_keys, adopted = found.stale, found.keys, found.adopted
    _refuse_many(step, stale, setting)
    return StepPlan(
        step=step.name,
        move=Move.RUN if stale else Move.REUSE,
        why=f"{counted(len(stale))} to be made anew: the table was cut otherwise before"
        if recut
        else why_windows(
            scene, step, stale, found.kept, found.accepted, adopted, ledger, anew, gone
        ),
        key=digest("windows", *(span_keys[str(span)] for span in wanted)),
        reusable=keys.unusable(step, setting.probes.get(step.name)) is None,
        identity=identity,
        spans=stale,
        span_keys=span_keys,
        kept=tuple(in_order((*found.kept, *(entry.span for entry in found.accepted)))),
        accepted=found.accepted,
        adopted=adopted,
        whole=whole and bool(adopted),
        from_run=adopted[0].run_id if adopted and not stale else None,
        recut=recut,
        remade=sum(span in ledger for span in stale),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """A windowed table and what is wanted of it; ``gone`` are windows that were taken back.

    ``anew`` says that no window can stay, ``whole`` that the table is replaced as one.
    """

    window: WindowSpec
    own: Version | None
    ledger: Mapping[Span, WindowEntry]
    gone: Mapping[Span, withdrawals.Withdrawal]
    wanted: tuple[Span, ...]
    keys: dict[str, str]
    anew: bool
    whole: bool


def _sorted_apart(scene: Scene, step: Step, setting: Setting, table: _Table) -> Sorted:
    """Windows that know nothing of each other."""
    ledger, gone = table.ledger, table.gone
    stale, kept = _sort_out(step, table.wanted, table.keys, ledger, table.anew, gone)
    staler = [ledger[span] for span in stale if span in ledger and span not in gone]
    accepted = _accepted(step, table.window, setting, table.own, staler)
    staying = {entry.span for entry in accepted}
    stale = tuple(span for span in stale if span not in staying)
    wanted_keys = [table.keys[str(span)] for span in stale]
    adopted = _left_windows(scene, setting, step, wanted_keys, whole=table.whole)
    if not table.anew and keys.unusable(step, setting.probes.get(step.name)) is None:
        adopted = adopted or _adoptable(scene, setting, step, wanted_keys)
    taken = {result.key for result in adopted}
    return Sorted(
        stale=tuple(span for span in stale if table.keys[str(span)] not in taken),
        kept=kept,
        accepted=tuple(replace(one, key=table.keys[str(one.span)]) for one in accepted),
        adopted=adopted,
        keys=table.keys,
    )


def _sorted_chain(scene: Scene, step: Step, setting: Setting, table: _Table) -> Sorted:
    """Windows that are made onto one another; a table replaced as one begins without any."""
    ledger = {} if table.whole else table.ledger
    there = [ledger[span] for span in table.wanted if span in ledger and span not in table.gone]
    accepted = _accepted(step, table.window, setting, table.own, there)
    made = _windows_there(scene, setting, step)
    if table.whole and step.name not in setting.earlier:
        made = {}
    wanted = Wanted(
        step=step,
        window=table.window,
        own={span: table.keys[str(span)] for span in table.wanted},
        ledger=ledger,
        remade=table.wanted if table.anew else table.gone,
        acceptable={entry.span for entry in accepted},
        elsewhere=made,
    )
    found = wanted.sort()
    if table.whole and set(made) != {result.key for result in found.adopted}:
        # Such a table is taken over whole or not at all.
        return replace(wanted, elsewhere={}).sort()
    return found


def _refuse_many(step: Step, stale: tuple[Span, ...], setting: Setting) -> None:
    if len(stale) > MOST_WINDOWS and setting.windows is None and not setting.unbounded:
        raise WindowError(
            f"{len(stale)} windows of {step.name} are missing or stale "
            f"({stale[0]} to {stale[-1]}), more than {MOST_WINDOWS} to make unasked",
            hint=f"galley backfill {step.pipeline}, or --window {stale[0].start}..{stale[-1].end}",
        )


def _wanted(
    scene: Scene, step: Step, window: WindowSpec, setting: Setting, own: Version | None
) -> tuple[tuple[Span, ...], Mapping[Span, WindowEntry]]:
    """The windows that the plan is about, and what is known of them where they are there.

    Who was told which windows to make looks at no others: there may be tens of thousands. Only
    windows that are made onto one another have keys that say something of all before them.
    """
    if own is None:
        return _those(scene, step, window, setting, dict), {}
    cut = own.made.get("window") in (None, cutting.cut_of(step)) and not chaining.chained(step)
    if cut and setting.windows is not None and setting.source is None:
        wanted = _those(scene, step, window, setting, lambda: scene.ledger(own.table_id))
        return wanted, scene.ledger(own.table_id, cutting.starts(window, wanted, own))
    ledger = scene.ledger(own.table_id)
    there = cutting.present(step, window, own, ledger)
    return _those(scene, step, window, setting, lambda: there), ledger


def _those(
    scene: Scene,
    step: Step,
    window: WindowSpec,
    setting: Setting,
    known: Callable[[], Collection[Span]],
) -> tuple[Span, ...]:
    if setting.source is not None:
        promoted = _promoted(scene, step, window, setting.source, known())
        if promoted:
            return promoted
    return cutting.wanted(step, window, setting.windows, setting.now, known)


def _promoted(
    scene: Scene, step: Step, window: WindowSpec, source: str, present: Collection[Span]
) -> tuple[Span, ...]:
    """The windows a promotion is about: those the target has and those its source has."""
    there = trees.lookup(scene.connection, source, step.outputs[:1])
    found = set(present)
    for version in there.values():
        ledger = trees.ledger(scene.connection, source, version.table_id)
        found |= set(cutting.present(step, window, version, ledger))
    return tuple(sorted(found))


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
    cut = _inputs_cut_alike(scene, step, versions, () if setting.windows is None else wanted)
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
        read = (span, *cutting.lookback(window, span))
        windowed = {name: one.contents(read) for name, one in cut.items()}
        found[str(span)] = keys.window_key(identity, span, whole, windowed)
    return found


class _CutInput:
    """A table whose windows say what a window of its reader reads of it."""

    def __init__(self, scene: Scene, name: str, ledger: Mapping[Span, WindowEntry]) -> None:
        pending = scene.pending.get(name, ())
        self._name = name
        self._ledger = ledger
        self._there = Coverage(ledger)
        self._all = pending is None
        self._pending = Coverage(pending or ())

    def contents(self, read: tuple[Span, ...]) -> tuple[str, ...]:
        """What is in the windows that are read; of those that will be made nobody knows yet."""
        if self._all or any(self._pending.touches(span) for span in read):
            return (f"pending {self._name}",)
        return keys.windows_read(self._ledger, self._there, read)


def _inputs_cut_alike(
    scene: Scene, step: Step, versions: Mapping[str, Version], wanted: Collection[Span]
) -> dict[str, _CutInput]:
    """The inputs that are read window by window; only what ``wanted`` ones read is known then."""
    found = {}
    for name in step.inputs:
        own = "." not in name and name not in step.outputs
        if own and name in versions and cutting.cut_alike(step, versions[name]):
            table = versions[name].table_id
            some = cutting.starts(step.window, wanted, versions[name]) if step.window else None
            ledger = scene.ledger(table, some) or (scene.ledger(table) if some else {})
            if ledger:
                found[name] = _CutInput(scene, name, ledger)
    return found


def _gone(scene: Scene, entries: Collection[WindowEntry]) -> dict[Span, withdrawals.Withdrawal]:
    """Those of the windows that were taken back."""
    contents = {entry.content_id for entry in entries}
    found = withdrawals.withdrawn(scene.connection, scene.project, contents)
    return {one.span: found[one.content_id] for one in entries if one.content_id in found}


def _sort_out(
    step: Step,
    wanted: tuple[Span, ...],
    span_keys: Mapping[str, str],
    ledger: Mapping[Span, WindowEntry],
    rebuild: bool,
    gone: Collection[Span],
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Which windows must be made, and which are there. Rows once appended are never redone."""
    kept = []
    for span in wanted:
        entry = ledger.get(span)
        if entry is None or rebuild or span in gone:
            continue
        if step.materialize is Materialize.APPEND or entry.key == span_keys[str(span)]:
            kept.append(span)
    there = set(kept)
    return tuple(span for span in wanted if span not in there), tuple(kept)


def _left_windows(
    scene: Scene, setting: Setting, step: Step, wanted: list[str], *, whole: bool
) -> tuple[findings.Result, ...]:
    """The windows with these keys that the run which is resumed has made.

    A table that is replaced ``whole`` is taken over whole or not at all.
    """
    made = _windows_there(scene, setting, step)
    if whole and (step.name not in setting.earlier or not set(made) <= set(wanted)):
        return ()
    return tuple(made[key] for key in wanted if key in made)


def _windows_there(scene: Scene, setting: Setting, step: Step) -> dict[str, findings.Result]:
    """The windows that the run which is resumed has made, by their keys."""
    if setting.earlier_head is None or len(step.outputs) != 1:
        return {}
    there = trees.lookup(scene.connection, setting.earlier_head, step.outputs)
    found: dict[str, findings.Result] = {}
    for name, version in there.items():
        body = codec.to_plain(version)
        before = {}
        if setting.earlier_base is not None:
            before = trees.ledger(scene.connection, setting.earlier_base, version.table_id)
        ledger = trees.ledger(scene.connection, setting.earlier_head, version.table_id)
        run_id = str(version.made.get("run", ""))
        for span, entry in ledger.items():
            if span in before and before[span].content_id == entry.content_id:
                continue
            pair = {"version": body, "window": codec.to_plain(entry)}
            found[entry.key] = findings.Result(
                entry.key, name, entry.content_id, run_id, step.name, pair
            )
    return found


def _accepted(
    step: Step,
    window: WindowSpec,
    setting: Setting,
    own: Version | None,
    stale: Collection[WindowEntry],
) -> tuple[WindowEntry, ...]:
    """The windows that stay as they are though the step is another one by now."""
    if own is None or not (setting.forward_only or setting.since):
        return ()
    if cutting.cut_of(step) != own.made.get("window", cutting.cut_of(step)):
        raise WindowError(
            f"{own.table} is cut otherwise by now, so that no window it has can stay",
            hint="promote without --forward-only and --since: the whole table is made anew",
        )
    if setting.forward_only:
        before = None
    elif window.by is WindowUnit.KEY:
        return ()
    else:
        before = calendar.parse_range(setting.since or "", window)[0]
    otherwise = bool(_settings_changed(step, own, setting))
    return tuple(
        entry
        for entry in stale
        if (before is None or entry.span.start < before)
        and (otherwise or entry.code != step.code_hash)
    )


def _adoptable(
    scene: Scene, setting: Setting, step: Step, wanted: list[str]
) -> tuple[findings.Result, ...]:
    if len(step.outputs) != 1 or step.reads_self:
        return ()
    found = findings.find_results(scene.connection, setting.project, wanted)
    return tuple(found[key][0] for key in wanted if key in found)
