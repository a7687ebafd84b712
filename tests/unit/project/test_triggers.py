"""``triggers:``, ``fresh_by:`` and ``alerts:``: what compiles, and how the problems read."""

from pathlib import Path

import pytest

from galley.errors import DefinitionErrors, VariableError
from galley.project import forms
from galley.project.codec import manifest_from_json, manifest_to_json
from galley.project.compile import compile_project
from galley.project.schedule import AlertKind, Cron, Manual, ParameterType, Schedule, Webhook

PROJECT = """\
name: shop
defaults: {timezone: Europe/Berlin}
variables: {day: "2026-01-01", largest: 100}
environments: {staging: }
secrets: {hook: env:HOOK, mail: env:MAIL}
connections:
  erp: postgresql://reader@db/erp
  inbox: {kind: s3, region: eu-central-1}
alerts: https://hooks.example.org/data
"""
ALL = """\
triggers:
  - cron: "0 6 * * 1-5"
    catch_up: all
  - every: 15m
    overlap: skip
    in: staging
  - table: [raw]
  - run: first
    outcome: failed
  - file: s3://bucket/in/*.csv
    connection: inbox
  - sql: SELECT max(id) FROM orders
    connection: erp
    check: 5m
  - webhook: hook
    parameters: {largest: {type: integer, min: 1}}
  - manual:
      day: {type: date, required: true, label: Which day}
fresh_by: {at: "7:00", days: mon-fri, within: 12h}
alerts:
  - {to: "mailtos://bot:${mail}@smtp.example.org?to=ana@example.org", on: [late, failed]}
"""


def write(folder: Path, text: str) -> Path:
    files = {
        "galley.yaml": PROJECT,
        "pipelines/first/raw.sql": "SELECT 1 AS id",
        "pipelines/second/orders.sql": "SELECT * FROM raw WHERE id < $largest",
        "pipelines/second/pipeline.yaml": text,
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    return folder


def schedule(folder: Path, text: str) -> Schedule:
    manifest = compile_project(write(folder, text))
    assert manifest_from_json(manifest_to_json(manifest)) == manifest
    return manifest.pipelines["second"].schedule


def problem(folder: Path, text: str) -> str:
    with pytest.raises(DefinitionErrors) as caught:
        compile_project(write(folder, text))
    (only,) = caught.value.problems
    return str(only)


def test_every_kind_of_trigger(tmp_path: Path) -> None:
    found = schedule(tmp_path, ALL)
    names = ["cron", "every", "table_raw", "run_first", "file", "sql", "webhook", "manual"]
    assert [one.name for one in found.triggers] == names
    assert found.triggers[0].on == Cron("cron", "0 6 * * 1-5", "Europe/Berlin")
    assert (found.triggers[1].environment, found.triggers[1].line) == ("staging", 4)
    assert found.triggers[6].on == Webhook("webhook", "hook")
    assert found.triggers[7].on == Manual("manual")
    assert found.triggers[7].parameters[0].type is ParameterType.DATE
    assert found.promise is not None
    assert (found.promise.at, found.promise.days) == ("07:00", (0, 1, 2, 3, 4))
    assert found.alerts[0].on == (AlertKind.LATE, AlertKind.FAILED)


def test_alerts_of_the_project_hold_for_pipelines_without_their_own(tmp_path: Path) -> None:
    found = schedule(tmp_path, 'fresh_by: "07:00 America/New_York"\n')
    assert found.alerts[0].to == ("https://hooks.example.org/data",)
    assert found.promise is not None
    assert found.promise.timezone == "America/New_York"


BAD = {
    "cron: '0 0 30 2 *'": ":1:13: the cron '0 0 30 2 *' never fires: no month has such a day",
    "cron: '0 25 * * *'": "'25' is no hour: 0 to 23",
    "cron: '0 6 * *'": "a cron has five fields, and '0 6 * *' has 4",
    "cron: '0 6 * * *', timezone: Europe/Berln": "did you mean 'Europe/Berlin'?",
    "every: 100ms": "at most once a second",
    "every: often": "'often' is no duration",
    "crom: '0 6 * * *'": "did you mean 'cron'?",
    "every: 1h, table: raw": "a trigger is both every and table",
    "catch_up: all": "a trigger does not say what fires it",
    "every: 1h, timezone: UTC": "'timezone' means nothing to a trigger of kind every",
    "every: 1h, catch_up: some": "'some' is not one of none, last, all",
    "every: 1h, in: prod": "none called 'prod'",
    "every: 1h, variables: {larges: 1}": "did you mean 'largest'?",
    "every: 1h, variables: {largest: many}": "the variable 'largest' is a number",
    "table: rwa": "did you mean 'raw'?",
    "table: orders": "in a circle: second -> second",
    "run: frist": "did you mean 'first'?",
    "file: '*.csv', connection: inbox": "s3://bucket/folder/*.csv",
    "sql: SELECT 1 FROM, connection: erp": "the query cannot be read",
    "sql: DELETE FROM orders, connection: erp": "the trigger needs one query",
    "sql: SELECT 1, connection: inbox": "is a connection of kind s3",
    "webhook: hok": "did you mean 'hook'?",
    "manual: {day: {type: dat}}": "did you mean 'date'?",
    "manual: {day: {type: date, default: soon}}": "a date such as 2026-03-01, and 'soon' is not",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:40])
def test_bad_triggers_are_told_with_their_place(tmp_path: Path, text: str) -> None:
    told = problem(tmp_path, f"triggers: [{{{text}}}]\n")
    assert told.startswith("pipelines/second/pipeline.yaml:1:")
    assert BAD[text] in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fresh_by: at seven\n", "is no time of the day: write '07:00 Europe/Berlin'"),
        ("fresh_by: '25:00'\n", "'25:00' is no time of the day"),
        ("fresh_by: {at: '7:00', days: [funday]}\n", "'funday' is no day"),
        ("alerts: [{to: ana}]\n", "'ana' is no address"),
        ("alerts: [{to: 'https://x', on: [lat]}]\n", "did you mean 'late'?"),
        ("alerts: 'mailto://bot:word@smtp.example.org'\n", "a password must not stand in a file"),
        ("alerts: '${mial}'\n", "did you mean 'mail'?"),
    ],
)
def test_bad_promises_and_alerts(tmp_path: Path, text: str, expected: str) -> None:
    told = problem(tmp_path, text)
    assert told.startswith("pipelines/second/pipeline.yaml:1:")
    assert expected in told


def test_pipelines_that_start_each_other(tmp_path: Path) -> None:
    write(tmp_path, "triggers: [{table: raw}]\n")
    (tmp_path / "pipelines/first/pipeline.yaml").write_text("triggers: [{run: second}]\n")
    with pytest.raises(DefinitionErrors, match=r"in a circle: (first -> second|second -> first)"):
        compile_project(tmp_path)


def test_a_form_is_checked_field_by_field(tmp_path: Path) -> None:
    form = schedule(
        tmp_path,
        "triggers: [{manual: {largest: {type: integer, min: 1, max: 9, default: 5}, "
        "day: {choices: [mo, tu], required: true}}}]\n",
    )
    fields = form.triggers[0].parameters
    assert forms.fill_in(fields, {"day": "mo"}) == {"largest": 5, "day": "mo"}
    assert forms.fill_in(fields, {"day": "tu", "largest": "7"})["largest"] == 7
    for given, told in (
        ({}, "'day' is needed"),
        ({"day": "we"}, "cannot be 'we'"),
        ({"day": "mo", "largest": 10}, "at least 1 and at most 9"),
        ({"day": "mo", "largest": "x"}, "a whole number"),
        ({"dya": "mo"}, "no parameter 'dya'"),
    ):
        with pytest.raises(VariableError, match=told):
            forms.fill_in(fields, given)
