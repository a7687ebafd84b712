"""Names that do not exist, or that cannot be names: the nearest right one is told."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from galley.errors import DefinitionErrors
from galley.project.compile import compile_project
from tests.acceptance.inside import Inside, write
from tests.cli_cast import Shell

YAML = "name: library\nvariables: {largest: 10, title: Emma, late: true}\n"
LOANS = "SELECT 1 AS id, $title AS title WHERE 1 < $largest AND $late"
NO_NAME = "a name is made of the letters a-z, digits and underscores"
NO_REF = "it may hold a-z, 0-9, '.', '_' and '-'"


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """Ana at a project that has run once; nothing that follows changes any ref."""
    folder = write(tmp_path_factory.mktemp("names"), {"galley.yaml": YAML, "loans.sql": LOANS})
    shell = Shell(folder)
    shell.galley("run")
    shell.galley("tag", "spring")
    ana = Inside(folder)
    before = ana.heads()
    yield ana
    assert ana.heads() == before


ABSENT: dict[str, tuple[str, str]] = {
    "run lons": ("no pipeline lons", "did you mean loans?"),
    "plan lons": ("no pipeline lons", "did you mean loans?"),
    "backfill lons": ("no pipeline lons", "did you mean loans?"),
    "run --select lons": ("has no step 'lons'", "did you mean 'loans'?"),
    "run --rebuild lons": ("no step 'lons' to rebuild", "did you mean 'loans'?"),
    "plan --rebuild lons": ("no step 'lons' to rebuild", "did you mean 'loans'?"),
    "preview lons": ("no step 'lons'", "did you mean 'loans'?"),
    "run --var largst=1": ("no variable 'largst'", "did you mean 'largest'?"),
    "run --var largest": ("'largest' sets no variable", "NAME=VALUE"),
    "run --var =1": ("'=1' sets no variable", "NAME=VALUE"),
    "run --var largest=many": ("'largest' is a number, and 'many' is not", "value is 10"),
    "run --var largest=nan": ("'largest' is a number, and 'nan' is not", "value is 10"),
    "run --var largest=1e999": ("'largest' is a number", "value is 10"),
    "run --var late=perhaps": ("'late' is true or false, and 'perhaps'", "value is true"),
    "run --window 2024-01-01": ("no step of loans is windowed", "leave --window out"),
    "run --in prodution": ("no ref prodution", "Did you mean production?"),
    "run --in production@zzzzzz": ("production@zzzzzz", "production"),
    "sql SELECT(1) --at kitchn/ana": ("no ref kitchn/ana", "Did you mean kitchen/ana?"),
    "sql SELECT(1) --at tag/sprng": ("no ref tag/sprng", "Did you mean tag/spring?"),
    "sql SELECT(1) --at production@zzzzzz": ("begins with zzzzzz", "galley history production"),
    "sql SELECT(1) --at production@2001-01-01": ("did not exist at 2001-01-01", "later time"),
    "tables --at nowhere": ("no ref nowhere", "There are:"),
    "tables metrics lons": ("no table lons", "did you mean loans?"),
    "tables metrics shelves": ("no table shelves", "there are: loans"),
    "runs --pipeline lons": ("no pipeline lons", "did you mean loans?"),
    "runs --in prodution": ("no ref prodution", "Did you mean production?"),
    "sql SELECT($x) --param x": ("'x' sets no parameter", "--param NAME=VALUE"),
    "tables history lons": ("no table lons", "did you mean loans?"),
    "history nowhere": ("no ref nowhere", "There are:"),
    "diff production nowhere": ("no ref nowhere", "There are:"),
    "diff nowhere": ("no ref nowhere", "There are:"),
    "tag summer --at nowhere": ("no ref nowhere", "There are:"),
    "rollback nowhere --reason x --yes": ("no ref nowhere", "There are:"),
    "rollback kitchen/ana --to zzzzzz --reason x --yes": ("zzzzzz", "galley history"),
    "rollback kitchen/ana --to .. --reason x --yes": ("neither a commit nor a time", "@COMMIT"),
    "rollback kitchen/ana --table lons --reason x --yes": ("no table lons", "mean loans?"),
    "rollback kitchen/ana --yes": ("a rollback needs a reason", "--reason"),
    "promote": ("no terminal to ask on; nothing was changed", "galley promote --yes"),
    "promote --to prodution --yes": ("no ref prodution", "Did you mean production?"),
    "release lons": ("lons is not held", ""),
    "show zzzz": ("no run that begins with zzzz", "galley runs"),
    "runs show zzzz": ("no run that begins with zzzz", "galley runs"),
    "resume zzzz": ("no run that begins with zzzz", "galley runs"),
    "cancel zzzz": ("no run that begins with zzzz", "galley runs"),
    "pause zzzz": ("no run that begins with zzzz", "galley runs"),
    "logs zzzz": ("no run that begins with zzzz", "galley runs"),
    "logs last lons": ("has no step lons", "loans"),
    "resume": ("no run waits to be resumed", "galley runs"),
    "kitchen close nobody": ("no ref kitchen/nobody", ""),
    "kitchen close ana": ("nothing was changed", "--yes"),
    "add loens.csv": ("there is no file", "loens.csv"),
    "add galley.yaml": ("the format of galley.yaml is not known", "csv"),
    "add s3://shelf/loans.csv": ("cannot read 's3://'", "postgres://"),
    "add postgres://db/library": ("names no table", "SCHEMA.TABLE"),
    "check --project nowhere": ("nowhere holds no galley.yaml", "--project"),
    "rnu": ("no command 'rnu'", "run"),
    "run --slect x": ("--slect", "galley run --help"),
    "sql": ("QUERY", "galley sql --help"),
}


@pytest.mark.parametrize("command", ABSENT)
def test_what_is_not_there(ana: Inside, command: str) -> None:
    said, hint = ABSENT[command]
    ran = ana.galley(*command.split())
    assert (ran.status, said in ran.err, hint in ran.err) == (2, True, True), ran.err


ODD = ["../up", "a b", "größe", "a'b", 'a"b', "a;b", "UPPER", "", "a/b/c", "\u202eab", "-" * 3]


@pytest.mark.parametrize("name", ODD)
def test_refs_have_plain_names(ana: Inside, name: str) -> None:
    for command in (["kitchen", "open", "--", name], ["tag", "--", name]):
        ran = ana.galley(*command)
        assert (ran.status, "cannot name a" in ran.err) == (2, True), ran.err
        assert "A name looks like" in ran.err
    ran = ana.galley("run", "--in", f"kitchen/{name}")
    assert (ran.status, "cannot name a kitchen" in ran.err) == (2, True), ran.err


def test_a_name_that_is_taken(ana: Inside) -> None:
    ran = ana.galley("tag", "spring")
    assert (ran.status, "tag/spring is taken by ana" in ran.err) == (4, True)
    ran = ana.galley("run", "--in", "tag/spring")
    assert (ran.status, "only a promotion changes" in ran.err) == (3, True)
    assert ana.galley("runs", "--limit", "1", "--json").json["runs"][0]["state"] == "succeeded"


BAD_FILES: dict[str, tuple[str, str]] = {
    "pipelines/loans/my loans.sql": ("of a step", "'my_loans'"),
    "pipelines/loans/lo'an\"s.sql": ("of a step", "'lo_an_s'"),
    "pipelines/loans/größe.sql": ("of a step", "'grosse'"),
    "pipelines/loans/貸出.sql": ("of a step", "'name'"),
    "pipelines/loans/1st.sql": ("of a step", "'t_1st'"),
    "pipelines/loans/select.sql": ("of a step: SQL keeps that word for itself", "'select_'"),
    "pipelines/loans/Order.sql": ("of a step: SQL keeps that word for itself", "'order_'"),
    f"pipelines/loans/{'a' * 64}.sql": ("of a step: a name has at most 63", f"'{'a' * 63}'"),
    "pipelines/my loans/a.sql": ("of a pipeline", "'my_loans'"),
    "pipelines/group/a.sql": ("of a pipeline: SQL keeps that word for itself", "'group_'"),
}


@pytest.mark.parametrize("path", BAD_FILES)
def test_files_that_cannot_name_a_table(path: str, tmp_path: Path) -> None:
    said, hint = BAD_FILES[path]
    with pytest.raises(DefinitionErrors) as caught:
        compile_project(write(tmp_path, {path: "SELECT 1 AS x"}))
    (problem,) = caught.value.problems
    assert problem.where is not None
    assert path.startswith(problem.where.path)
    assert f"cannot be the name {said}" in problem.message
    assert problem.hint == f"a valid name: {hint}"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("pipelines/p/a.sql", "pipelines/p/A.sql"), "the step 'a' is defined twice"),
        (("pipelines/p/a.sql", "pipelines/q/A.sql"), "the step 'a' is defined twice"),
        (("pipelines/p/a.sql", "pipelines/P/b.sql"), "'P' and 'p' differ only in case"),
    ],
)
def test_names_that_differ_only_in_case(files: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionErrors, match=said):
        compile_project(write(tmp_path, dict.fromkeys(files, "SELECT 1 AS x")))


@pytest.mark.parametrize(
    ("said", "yaml"),
    [
        ("cannot be the name of a project", "name: my library\n"),
        ("cannot be the name of a project", "name: ../library\n"),
        ("cannot be the name of an environment", "name: a\nenvironments: {my env: {}}\n"),
        ("cannot be the name of a variable", "name: a\nvariables: {my var: 1}\n"),
        ("differ only in case", "name: a\nvariables: {A: 1, a: 2}\n"),
        ("the engine binds itself", "name: a\nvariables: {start: 1}\n"),
        ("cannot be the name of a secret", "name: a\nsecrets: {a/b: env:A}\n"),
        ("cannot be the name of a connection", "name: a\nconnections: {a b: postgres://d/x}\n"),
    ],
)
def test_names_in_galley_yaml(said: str, yaml: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionErrors, match=said):
        compile_project(write(tmp_path, {"galley.yaml": yaml}))


@pytest.mark.parametrize("name", ["", "a b", "Bücherei", "select", "1st"])
def test_a_project_needs_a_plain_name(name: str, tmp_path: Path) -> None:
    ran = Inside(tmp_path).galley("init", f"new/{name}" if name else ".")
    assert (ran.status, "name" in ran.err) in ((2, True), (0, False)), ran.err
    assert name == "" or not (tmp_path / "new").exists()


def test_a_project_where_nothing_can_be_written(tmp_path: Path) -> None:
    ran = Inside(tmp_path).galley("init", "/proc/library")
    assert (ran.status, "/proc/library cannot be written" in ran.err) == (5, True), ran.err


def test_columns_may_have_any_name(tmp_path: Path) -> None:
    odd = 'SELECT 1 AS "a b", 2 AS "ü", 3 AS "select", 4 AS "q""q", 5 AS "../x", 6 AS "日本"'
    shell = Shell(write(tmp_path, {"odd.sql": odd, "again.sql": "SELECT * FROM odd"}))
    shell.galley("run")
    (row,) = shell.galley("sql", "SELECT * FROM again", "--json").json["rows"]
    assert row == {"a b": 1, "ü": 2, "select": 3, 'q"q': 4, "../x": 5, "日本": 6}


def test_nothing_dirty_is_promoted(tmp_path: Path) -> None:
    shell = Shell(write(tmp_path, {"loans.sql": "SELECT 1 AS id"}))
    shell.git("init", "--quiet")
    shell.git("add", "--all")
    shell.git("commit", "--quiet", "-m", "Loans")
    shell.galley("promote", "--yes")
    before = shell.galley("tables", "--at", "production", "--json").json
    write(tmp_path, {"loans.sql": "SELECT 2 AS id"})
    ran = shell.galley("promote", "--yes", expect=None)
    assert ran.status == 4
    assert "changes that are not committed: pipelines/loans/loans.sql" in ran.err
    assert shell.galley("tables", "--at", "production", "--json").json == before
    status = subprocess.run(["git", "status", "--short"], cwd=tmp_path, capture_output=True)
    assert status.stdout == b" M pipelines/loans/loans.sql\n"
