"""A step as its file says it, before the graph is known: options checked, names not yet linked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from galley.errors import DefinitionError, GalleyError, Where
from galley.project.document import Document
from galley.project.model import (
    Limits,
    Materialize,
    Placement,
    Retry,
    Source,
    Stage,
    Step,
    StepKind,
    TestSpec,
    WindowSpec,
    WindowUnit,
)
from galley.project.names import check_name, hint_for
from galley.project.problems import Problems
from galley.project.shapes import DefaultsShape, RetryShape, StepShape, WindowShape
from galley.project.testspec import Home, Reader, read_tests
from galley.project.windows import parse_range, zone

ONLY_FOR = {
    Materialize.VIEW: StepKind.SQL,
    Materialize.FILE: StepKind.PYTHON,
    Materialize.NONE: StepKind.PYTHON,
}


@dataclass(slots=True)
class Draft:
    """A step and the places of what it names.

    ``place`` finds a table (or, with ``$`` before it, a variable) in the step's file. ``optional``
    are variables that the function has a default for; ``all_variables`` that it asks for them all.
    ``columns`` are those of its table where its text tells.
    """

    step: Step
    where: Where
    place: Callable[[str], Where]
    optional: tuple[str, ...] = ()
    all_variables: bool = False
    tests: tuple[TestSpec, ...] = ()
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What the options of a step are read with."""

    pipeline: str
    defaults: DefaultsShape
    problems: Problems
    reader: Reader
    pools: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Origin:
    """Which step it is: its kind, its name from file or function, and where it stands."""

    kind: StepKind
    name: str
    source: Source
    where: Where
    makes: tuple[str, ...] | None = None


def stem(path: str) -> str:
    """The name a file gives to its step."""
    return PurePosixPath(path).name.rpartition(".")[0]


def draft_step(
    shape: StepShape, document: Document, origin: Origin, setting: Setting, **more: Any
) -> Step:
    """The step without its tests; raises DefinitionError for options that do not fit together."""
    named = document.where("name") if shape.name is not None else origin.where
    name = check_name(shape.name or origin.name, "step", named).lower()
    makes = origin.makes or (name,)
    outputs = () if shape.materialize is Materialize.NONE else makes
    for output in makes:
        check_name(output, "table", document.where("makes"))
    window = _window(shape.window, document, setting) if shape.window else None
    _check_materialize(shape, document, origin.kind)
    defaults = setting.defaults
    return Step(
        name=name,
        pipeline=setting.pipeline,
        kind=origin.kind,
        source=origin.source,
        outputs=tuple(output.lower() for output in outputs),
        materialize=shape.materialize,
        window=window,
        key=shape.key,
        cursor=shape.cursor,
        retry=_retry(shape.retries or defaults.retries),
        limits=Limits(shape.timeout or defaults.timeout, shape.memory or defaults.memory),
        placement=_placement(shape, document, setting),
        description=shape.description or more.pop("docstring", None),
        owner=shape.owner or defaults.owner,
        tags=shape.tags,
        stable=shape.stable,
        columns=dict(shape.columns),
        **{key: value for key, value in more.items() if key != "docstring"},
    )


def draft_tests(step: Step, document: Document, setting: Setting) -> tuple[TestSpec, ...]:
    """The tests that stand in the step's own options; problems are noted, not raised."""
    if not document.value.get("tests"):
        return ()
    home = Home(
        table=step.outputs[0] if len(step.outputs) == 1 else None,
        tables=step.outputs,
        stage=Stage.OUTPUT,
        windowed=step.window is not None,
    )
    return read_tests(document.part("tests"), home, setting.reader, setting.problems)


def check_columns(
    shape: StepShape, document: Document, columns: tuple[str, ...] | None, problems: Problems
) -> None:
    """Note what the options name and the result does not hold."""
    named = [(name, document.where("key")) for name in shape.key]
    if shape.window is not None:
        named.append((shape.window.column, document.where("window", "column")))
    if shape.cursor is not None:
        named.append((shape.cursor, document.where("cursor")))
    for name, where in named:
        note_column(name, columns, where, problems)


def note_column(
    name: str, columns: tuple[str, ...] | None, where: Where, problems: Problems, step: str = ""
) -> None:
    """Note a column that a step's result, as far as its text tells, does not hold."""
    if columns is not None and name.lower() not in {column.lower() for column in columns}:
        maker = f"the step '{step}'" if step else "the SELECT"
        problems.add(
            f"{maker} makes no column '{name}'", where, hint_for(name, columns, "its columns")
        )


def _placement(shape: StepShape, document: Document, setting: Setting) -> Placement:
    pool = shape.pool or setting.defaults.pool
    if pool is not None and pool not in setting.pools:
        raise DefinitionError(
            f"galley.yaml declares no pool '{pool}'",
            where=document.where("pool"),
            hint=hint_for(pool, setting.pools) or f"add to galley.yaml: `pools: {{{pool}: 2}}`",
        )
    labels = shape.labels or setting.defaults.labels
    for label in labels:
        check_name(label, "label", document.where("labels"))
    return Placement(pool, shape.priority, shape.concurrency, tuple(sorted(set(labels))))


def _retry(shape: RetryShape | None) -> Retry:
    if shape is None:
        return Retry()
    return Retry(shape.attempts, shape.wait, shape.longest, shape.on)


def _window(shape: WindowShape, document: Document, setting: Setting) -> WindowSpec:
    given = document.value["window"]
    timezone = shape.timezone
    if "timezone" not in given and setting.defaults.timezone:
        timezone = setting.defaults.timezone
    spec = WindowSpec(shape.column, shape.by, shape.start, shape.end, timezone, shape.lookback)
    if not shape.column.strip():
        raise DefinitionError("a window needs a column", where=document.where("window", "column"))
    if shape.by is WindowUnit.KEY:
        for key in ("start", "end", "lookback"):
            if given.get(key):
                raise DefinitionError(
                    f"windows by key have no order, so no '{key}'",
                    where=document.where("window", key),
                )
        return spec
    return _bounded(spec, document)


def _bounded(spec: WindowSpec, document: Document) -> WindowSpec:
    """The window with both bounds in the form that spans have."""
    bounds: dict[str, str] = {}
    for key in ("timezone", "start", "end"):
        value = getattr(spec, key)
        if value is None:
            continue
        try:
            if key == "timezone":
                zone(value)
            else:
                bounds[key] = parse_range(value, spec)[0]
        except GalleyError as error:
            raise DefinitionError(
                f"window.{key}: {error.message}",
                where=document.where("window", key),
                hint=error.hint,
            ) from None
    if "start" in bounds and "end" in bounds and bounds["start"] >= bounds["end"]:
        raise DefinitionError(
            f"the window ends ({spec.end}) before it starts ({spec.start})",
            where=document.where("window", "end"),
            hint="the end is exclusive and must lie after the start",
        )
    return replace(spec, start=bounds.get("start"), end=bounds.get("end"))


def _check_materialize(shape: StepShape, document: Document, kind: StepKind) -> None:
    how = shape.materialize
    where = document.where("materialize")
    if (only := ONLY_FOR.get(how, kind)) is not kind:
        raise DefinitionError(
            f"materialize: {how.value} is for {only.value} steps, and this is a {kind.value} step",
            where=where,
        )
    if how is Materialize.APPEND and shape.window is None and shape.cursor is None:
        raise DefinitionError(
            "materialize: append needs a window or a cursor column, else a second run would add "
            "the same rows again",
            where=where,
            hint="add `window: {column: …, by: day}` or `cursor: COLUMN`",
        )
    if how is Materialize.WINDOW and shape.window is None:
        raise DefinitionError(
            "materialize: window needs a window",
            where=where,
            hint="add `window: {column: …, by: day, start: …}`",
        )
    if how is Materialize.MERGE and not shape.key:
        raise DefinitionError(
            "materialize: merge needs the key that rows are merged by",
            where=where,
            hint="add `key: [COLUMN]`",
        )
    _check_unused(shape, document)


def _check_unused(shape: StepShape, document: Document) -> None:
    how = shape.materialize
    given = {"window": shape.window, "key": shape.key, "cursor": shape.cursor}
    fitting = {
        "window": (Materialize.WINDOW, Materialize.APPEND),
        "key": (Materialize.MERGE,),
        "cursor": (Materialize.APPEND, Materialize.MERGE),
    }
    for option, ways in fitting.items():
        if given[option] and how not in ways:
            names = " or ".join(way.value for way in ways)
            raise DefinitionError(
                f"'{option}' has no effect with materialize: {how.value}",
                where=document.where(option),
                hint=f"add `materialize: {names}`, or leave '{option}' out",
            )
    if shape.window and shape.cursor:
        raise DefinitionError(
            "a step has a window or a cursor, not both", where=document.where("cursor")
        )
