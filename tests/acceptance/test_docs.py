"""Everything the documentation shows is done: commands, files, snippets, tables of options.

How a page is written is told in ``docs_pages``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from galley import errors
from galley.project import shapes, triggers
from galley.project.model import Materialize, WindowUnit
from galley.project.testspec import OPTIONS
from galley.project.testtypes import CATALOGUE
from tests.acceptance.docs_pages import FENCE, Page, blocks
from tests.s3_cast import Store

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
WRITTEN = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")]
ALL = sorted({*WRITTEN, *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")})
RUN = [
    page for page in ALL if any(b.language == "console" for b in blocks(page.read_text("utf-8")))
]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
KEY = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)

pytestmark = pytest.mark.docs


def name_of(page: Path) -> str:
    """A page's path from the root."""
    return str(page.relative_to(ROOT))


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_a_page_does_what_it_shows(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    environment = {}
    if page.name == "object-store.md":
        store = Store(request.getfixturevalue("s3_endpoint"), "shop-lake").create()
        environment = store.environment
    found = Page(page, tmp_path, environment, cold=page.name == "README.md")
    found.run()
    assert found.done, "nothing was run"
    assert found.status == 0, found.printed


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text("utf-8"))
    assert [link for link in targets if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_fences_are_closed_and_known(page: Path) -> None:
    known = {"console", "python", "sql", "yaml", "text", "sh", ""}
    fences = [FENCE.match(line) for line in page.read_text("utf-8").splitlines()]
    words = [fence[1] for fence in fences if fence]
    assert len(words) % 2 == 0
    assert set(words) <= known


def sections(page: str) -> dict[str, set[str]]:
    """The keys in the tables below each heading of a reference page."""
    parts = re.split(r"^#+ (.+)$", (REFERENCE / page).read_text("utf-8"), flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {title: set(KEY.findall(body)) for title, body in pairs}


PROJECT: dict[str, type[shapes.Shape]] = {
    "galley.yaml": shapes.ProjectShape,
    "Under an environment": shapes.EnvironmentShape,
    "Under a connection": shapes.ConnectionShape,
    "Under reads, by project": shapes.ReadShape,
    "Under retention": shapes.RetentionShape,
    "Under defaults": shapes.DefaultsShape,
    "pipelines/NAME/pipeline.yaml": shapes.PipelineShape,
    "Under triggers": triggers.TriggerShape,
    "Under parameters and manual, by variable": triggers.ParameterShape,
    "Under fresh_by": triggers.PromiseShape,
    "Under alerts": triggers.AlertShape,
}


@pytest.mark.parametrize("title", PROJECT)
def test_project_keys_are_those_of_the_code(title: str) -> None:
    assert sections("project.md")[title] == set(shapes.keys_of(PROJECT[title]))


def test_step_options_are_those_of_the_code() -> None:
    found = sections("steps.md")
    every = set(shapes.keys_of(shapes.StepShape))
    assert found["Every step"] == every
    assert found["Python steps add"] == set(shapes.keys_of(shapes.PythonShape)) - every
    assert found["Load steps add"] == set(shapes.keys_of(shapes.LoadShape)) - every
    assert found["materialize"] == {how.value for how in Materialize}
    assert found["window"] == set(shapes.keys_of(shapes.WindowShape))
    assert found["retries"] == set(shapes.keys_of(shapes.RetryShape))


def test_window_units_are_those_of_the_code() -> None:
    page = (REFERENCE / "steps.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| `by`"))
    assert set(re.findall(r"`(\w+)`", row)) == {"by", *(unit.value for unit in WindowUnit)}


def test_test_types_and_parameters_are_those_of_the_code() -> None:
    page = (REFERENCE / "tests.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (.+) \|$", page, flags=re.MULTILINE))
    assert set(rows) == set(CATALOGUE)
    for kind, shape in CATALOGUE.items():
        wanted = set(shapes.keys_of(shape)) - {"when_empty"}
        assert set(re.findall(r"`(\w+)`", rows[kind])) == wanted, kind
        assert re.findall(r"\*\*`(\w+)`\*\*", rows[kind]) == ([shape.short] if shape.short else [])
    assert sections("tests.md")["Options of any test"] == set(OPTIONS)


def test_exit_codes_are_those_of_the_errors() -> None:
    page = (REFERENCE / "environment.md").read_text("utf-8")
    said = {int(code) for code in re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE)}
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    raised = {one.exit_code for one in classes if issubclass(one, errors.GalleyError)}
    assert said == {0, *raised}


def test_environment_variables_are_those_of_the_code() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r"\bGALLEY_[A-Z_]*[A-Z]\b", code))
    inner = {"GALLEY_FAULTS", "GALLEY_FAULTS_ONCE", "GALLEY_POOL"}
    assert sections("environment.md")["Environment variables"] == used - inner


def test_guards_are_tested_where_the_page_says() -> None:
    page = (DOCS / "concepts" / "failure-model.md").read_text("utf-8")
    (named,) = re.findall(r"`(tests/[\w/]+\.py)`", page)
    assert (ROOT / named).is_file()


def test_make_knows_the_targets_that_pages_name() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^(\w+):", makefile, flags=re.MULTILINE))
    said = {target for page in ALL for target in re.findall(r"\bmake (\w+)`", page.read_text())}
    assert said <= known


def test_every_decision_has_its_three_parts() -> None:
    for page in sorted((DOCS / "decisions").glob("*.md")):
        text = page.read_text("utf-8")
        parts = re.findall(r"^\*\*(\w+)\.\*\*", text, flags=re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], page.name
        assert len(text.splitlines()) <= 40
