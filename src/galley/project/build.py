"""From the files of a project to its manifest. Every problem is found in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from galley.errors import Where
from galley.ids import digest
from galley.project.analysis import Analyses
from galley.project.codec import manifest_to_json
from galley.project.drafts import Draft, Setting
from galley.project.files import Files
from galley.project.link import Graph
from galley.project.loads import read_declared_step
from galley.project.model import Manifest, Pipeline, Stage, TestSpec
from galley.project.names import check_name
from galley.project.problems import Problems
from galley.project.python_code import Modules
from galley.project.python_steps import read_python_steps
from galley.project.settings import PipelineSettings, Settings, read_pipeline, read_settings
from galley.project.sql_steps import read_sql_step
from galley.project.testfiles import read_test_file
from galley.project.testspec import numbered
from galley.project.toolchain import installed, lock_files, toolchain_digest
from galley.project.triggered import check_triggers

YAML = (".yaml", ".yml")
PIPELINE_FILES = tuple(f"pipeline{ending}" for ending in YAML)


@dataclass(frozen=True, slots=True)
class Built:
    """A manifest, and the files whose absence it rests on."""

    manifest: Manifest
    absent: frozenset[str]


def build(folder: Path, cache: Path | None, stamp: str) -> Built:
    """Compile the project in ``folder``; raises DefinitionErrors."""
    files, problems = Files(folder), Problems()
    modules = Modules(files)
    analyses = Analyses(files, modules, cache / "analyses.json" if cache else None, stamp)
    analyses.load()
    settings = read_settings(files, problems)
    graph = Graph(settings, {}, problems)
    for name, path in _pipeline_folders(folder, problems):
        _read_pipeline(name, path, graph, analyses)
    graph.link()
    check_triggers(graph)
    tests = _read_tests(folder, graph, analyses)
    manifest = _assemble(graph, tests, analyses, folder)
    analyses.save()
    problems.stop()
    return Built(manifest, frozenset(files.absent))


def _pipeline_folders(folder: Path, problems: Problems) -> Iterator[tuple[str, Path]]:
    root = folder / "pipelines"
    entries = sorted(root.iterdir()) if root.is_dir() else []
    seen: dict[str, str] = {}
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        where = Where(f"pipelines/{entry.name}")
        if not entry.is_dir():
            if entry.suffix in (".sql", *YAML):
                problems.add(
                    "a step stands in the folder of a pipeline",
                    where,
                    f"move it to pipelines/NAME/{entry.name}",
                )
            continue
        with problems.noted():
            check_name(entry.name, "pipeline", where)
            twin = seen.setdefault(entry.name.lower(), entry.name)
            if twin != entry.name:
                problems.add(
                    f"the pipelines '{twin}' and '{entry.name}' differ only in case", where
                )
            yield entry.name, entry
    if not seen:
        problems.warn("the project has no pipelines yet: add a folder below pipelines/")


def _read_pipeline(name: str, path: Path, graph: Graph, analyses: Analyses) -> None:
    problems, settings = graph.problems, graph.settings
    base = f"pipelines/{name}"
    own = next((one for one in PIPELINE_FILES if (path / one).is_file()), PIPELINE_FILES[0])
    pipeline = read_pipeline(name, f"{base}/{own}", analyses.files, settings, problems)
    graph.pipelines[name] = pipeline
    setting = Setting(name, pipeline.defaults, problems, analyses, settings.pools)
    before = len(graph.drafts)
    for entry in sorted(path.iterdir()):
        if entry.name.startswith((".", "_")) or entry.name in PIPELINE_FILES:
            continue
        if entry.is_dir():
            _warn_of_nested(entry, f"{base}/{entry.name}", problems)
            continue
        with problems.noted():
            for draft in _read_steps(f"{base}/{entry.name}", analyses, setting, settings):
                graph.add(draft)
    if len(graph.drafts) == before and not problems.errors:
        problems.warn(f"the pipeline '{name}' has no steps", Where(base))


def _read_steps(
    path: str, analyses: Analyses, setting: Setting, settings: Settings
) -> Iterator[Draft]:
    ending = path[path.rindex(".") :] if "." in path.rpartition("/")[2] else ""
    if ending == ".sql":
        yield read_sql_step(path, analyses, setting)
    elif ending == ".py":
        yield from read_python_steps(path, analyses, setting)
    elif ending in YAML:
        yield read_declared_step(path, analyses, setting, settings)
    elif ending in (".ipynb", ".R", ".r", ".sh"):
        setting.problems.warn(
            f"steps in {ending} files are not available in this version", Where(path)
        )
    else:
        setting.problems.warn("the file is no step and is ignored", Where(path))


def _warn_of_nested(entry: Path, path: str, problems: Problems) -> None:
    nested = sorted(one.name for one in entry.iterdir() if one.suffix in (".sql", *YAML))
    if nested:
        problems.warn(
            f"{nested[0]} is ignored: steps stand directly in {entry.parent.name}/", Where(path)
        )


def _read_tests(folder: Path, graph: Graph, analyses: Analyses) -> list[TestSpec]:
    """The tests of ``tests/*.yaml``, checked like all others against the tables there are."""
    problems = graph.problems
    if (folder / "tests" / "unit").is_dir():
        problems.warn("unit tests of steps are not available in this version", Where("tests/unit"))
    makers = {table: draft.step for table, draft in graph.makers.items()}
    found: list[TestSpec] = []
    for ending in YAML:
        for path in sorted((folder / "tests").glob(f"*{ending}")):
            name = f"tests/{path.name}"
            found.extend(read_test_file(name, analyses, makers, graph.known_tables, problems))
    for draft in graph.drafts.values():
        for test in draft.tests:
            graph.check_test(test)
    for test in found:
        graph.check_test(test)
    known = graph.variables_of(None)
    for name, where in analyses.variables:
        if name not in known:
            graph.note_variable(name, where, known)
    return found


def _assemble(graph: Graph, tests: list[TestSpec], analyses: Analyses, folder: Path) -> Manifest:
    settings, files = graph.settings, analyses.files
    pipelines = {name: _pipeline(name, one, graph) for name, one in sorted(graph.pipelines.items())}
    steps = {}
    for name, draft in sorted(graph.drafts.items()):
        own = [test for test in tests if _belongs(test, draft)]
        steps[name] = replace(draft.step, tests=numbered([*draft.tests, *own]))
    spanning = [test for test in tests if not any(_belongs(test, d) for d in graph.drafts.values())]
    locks = lock_files(folder)
    packages = installed(analyses.modules.packages)
    manifest = Manifest(
        project=settings.name,
        hash="",
        steps=steps,
        pipelines=pipelines,
        spanning=numbered(spanning),
        variables=settings.variables,
        environments=settings.environments,
        connections=settings.connections,
        secrets=settings.secrets,
        reads=settings.reads,
        files={},
        toolchain=toolchain_digest(files, locks, packages),
        packages=packages,
        owner=settings.owner,
        description=settings.description,
        warnings=tuple(graph.problems.warnings),
        pools=settings.pools,
        retention=settings.retention,
    )
    manifest = replace(manifest, files=dict(sorted(files.seen.items())))
    return replace(manifest, hash=digest(manifest_to_json(manifest)))


def _belongs(test: TestSpec, draft: Draft) -> bool:
    """Whether a test from a file is an output test of a step."""
    return test.stage is Stage.OUTPUT and test.table in draft.step.outputs


def _pipeline(name: str, settings: PipelineSettings, graph: Graph) -> Pipeline:
    owner = settings.owner or graph.settings.owner
    return Pipeline(
        name,
        graph.order(name),
        owner,
        settings.description,
        settings.variables,
        settings.priority,
        settings.concurrency,
        replace(settings.schedule, alerts=settings.schedule.alerts or graph.settings.alerts),
    )
