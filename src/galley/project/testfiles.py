"""``tests/*.yaml``: tests by table, and under ``spanning`` those that belong to no one table."""

from __future__ import annotations

from collections.abc import Iterator

from galley.errors import DefinitionErrors, Where
from galley.project.analysis import Analyses
from galley.project.document import Document, mapping, read_yaml
from galley.project.model import Stage, Step, TestSpec
from galley.project.names import hint_for
from galley.project.problems import Problems
from galley.project.testspec import Home, read_test

SPANNING = "spanning"


def read_test_file(
    path: str,
    analyses: Analyses,
    makers: dict[str, Step],
    known: frozenset[str],
    problems: Problems,
) -> list[TestSpec]:
    """The tests of one file. ``makers`` are the project's own tables, ``known`` all it may read."""
    found: list[TestSpec] = []
    with problems.noted():
        document = mapping(read_yaml(analyses.files.text(path), path), "a file of tests")
        for key in document.value:
            with problems.noted():
                part = document.part(key)
                _check_list(part)
                home = _home(key, makers, known, document.where(key))
                found.extend(_tests(part, home, analyses, problems))
    return found


def _check_list(part: Document) -> None:
    if part.value is not None and not isinstance(part.value, list):
        problems = Problems()
        problems.add("tests are a list", part.where(), "write each as `- unique: column`")
        raise DefinitionErrors(tuple(problems.errors))


def _home(key: str, makers: dict[str, Step], known: frozenset[str], where: Where) -> Home:
    table = key.lower()
    if table == SPANNING:
        return Home(None, stage=Stage.BUSINESS)
    if table in makers:
        return Home(table, stage=Stage.OUTPUT, windowed=makers[table].window is not None)
    if table in known:
        return Home(table, stage=Stage.INPUT)
    problems = Problems()
    problems.add(f"there is no table '{key}'", where, hint_for(key, known | {SPANNING}, "tables"))
    raise DefinitionErrors(tuple(problems.errors))


def _tests(
    part: Document, home: Home, analyses: Analyses, problems: Problems
) -> Iterator[TestSpec]:
    for at in range(len(part.value or ())):
        with problems.noted():
            yield from list(read_test(part.part(at), home, analyses))
