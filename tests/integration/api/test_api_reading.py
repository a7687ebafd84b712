"""What the API shows of a project that ran and was promoted."""

import json
from typing import Any

import jsonschema
import pytest

from galley.server.api.app import described
from tests.cli_cast import validate
from tests.integration.api.conftest import Served

W = "/projects/works"


def conforms(served: Served, name: str, answer: Any) -> Any:
    """The answer, which follows a component of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", **described(served.app)}
    jsonschema.Draft202012Validator(schema).validate(answer)
    return answer


READ = [
    ("/me", "Me"),
    ("/projects", "Projects"),
    (W, "Project"),
    (f"{W}/pipelines", "Pipelines"),
    (f"{W}/pipelines/p", "Pipeline"),
    (f"{W}/pipelines/p?ref=production", "Pipeline"),
    (f"{W}/pipelines/p/plan", "Plan"),
    (f"{W}/runs", "Runs"),
    (f"{W}/tables", "Tables"),
    (f"{W}/tables/orders", "Table"),
    (f"{W}/tables/ORDERS/versions", "TableVersions"),
    (f"{W}/tables/orders/sample?limit=2", "Rows"),
    (f"{W}/tables/orders/diff?a=production&b=kitchen/ana", "Diff"),
    (f"{W}/tables/orders/metrics?name=rows", "Metrics"),
    (f"{W}/tables/orders/lineage", "Lineage"),
    (f"{W}/tables/orders/tests", "Tests"),
    (f"{W}/tests", "Tests"),
    (f"{W}/refs", "Refs"),
    (f"{W}/refs/kitchen/ana", "Ref"),
    (f"{W}/refs/kitchen/ana/history", "History"),
    (f"{W}/kitchens", "Kitchens"),
    (f"{W}/promotions", "Promotions"),
    (f"{W}/connections", "Connections"),
    ("/overview", "Overview"),
    ("/overview?project=works", "Overview"),
    ("/workers", "Workers"),
    ("/settings", "Settings"),
]


def test_everything_that_is_read_is_as_it_is_described(served: Served) -> None:
    for path, shape in READ:
        answer = conforms(served, shape, served.get(path))
        assert answer.get("items", True) or shape == "Connections", path


PARTS = (
    ("steps", "Steps"),
    ("attempts", "Attempts"),
    ("tests", "RunTests"),
    ("metrics", "RunMetrics"),
)


def test_a_run_and_its_parts(served: Served) -> None:
    (row,) = served.get(f"{W}/runs?ref=kitchen/ana&state=succeeded&pipeline=p&limit=1")["items"]
    run = conforms(served, "Run", served.get(f"/runs/{row['run']}"))
    edges = run.pop("edges")
    validate(run, "show")
    assert {(one["from"], one["to"]) for one in edges} == {("raw", "orders"), ("orders", "talk")}
    for part, shape in PARTS:
        first = conforms(served, shape, served.get(f"/runs/{row['run']}/{part}?limit=1"))
        assert len(first["items"]) == 1
        more = served.get(f"/runs/{row['run']}/{part}", cursor=first["next"])
        assert first["items"][0] not in more["items"]
    measured = served.get(f"/runs/{row['run']}/metrics?table=Orders")["items"]
    assert {one["table"] for one in measured} == {"orders"}
    assert len(measured) > 3
    counted = served.get(f"/runs/{row['run']}/metrics?table=orders&name=rows")["items"]
    assert [one["value"] for one in counted] == [3]


def test_a_pipeline_knows_how_its_steps_fared(served: Served) -> None:
    found = served.get(f"{W}/pipelines/p")
    assert found["code"]["origin"] == "working_tree"
    assert served.get(f"{W}/pipelines/p?ref=production")["code"]["origin"] == "activated"
    assert [step["last"]["state"] for step in found["steps"]] == ["succeeded"] * 3
    assert [one["last"]["verdict"] for one in served.get(f"{W}/tests")["items"]] == ["pass"] * 2


def test_pages_hold_everything_once(served: Served) -> None:
    found, cursor = [], None
    for _ in range(9):
        page = served.get(f"{W}/tables", limit=1, **({"cursor": cursor} if cursor else {}))
        found += [one["name"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == ["orders", "raw", "talk"]


def test_two_runs_side_by_side(served: Served) -> None:
    a, b = [one["run"] for one in served.get(f"{W}/runs?limit=2")["items"]]
    found = conforms(served, "Comparison", served.get("/runs/compare", a=a, b=b))
    assert [one["name"] for one in found["steps"]] == ["raw", "orders", "talk"]


def test_a_log_in_parts(served: Served) -> None:
    (row,) = served.get(f"{W}/runs?ref=kitchen/ana&limit=1")["items"]
    path = f"/runs/{row['run']}/logs"
    whole = served.client.get(path, params={"step": "talk"})
    assert (whole.text, whole.headers["x-log-ended"]) == ("grüße\n", "true")
    cut = served.client.get(path, params={"step": "talk", "limit": 3})
    assert (cut.text, cut.headers["x-log-next"], cut.headers["x-log-ended"]) == ("gr", "2", "false")
    end = served.client.get(path, params={"step": "talk", "offset": -3})
    assert (end.text, end.headers["x-log-offset"]) == ("e\n", "6")
    engine = served.client.get(path, params={"stream": "engine", "step": "talk"})
    assert "step.succeeded" in engine.text
    followed = served.client.get(path, params={"step": "talk", "follow": 1}).text
    data = [line[6:] for line in followed.splitlines() if line.startswith("data: ")]
    assert json.loads(data[0])["text"] == "grüße\n"
    assert "event: end" in followed


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("/projects/work", "not_found", "did you mean works?"),
        (f"{W}/pipelines/q", "not_found", "p"),
        (f"{W}/tables/order", "table_not_found", "orders"),
        (f"{W}/refs/productoin", "ref_not_found", "production"),
        (f"{W}/tables?ref=kitchen/bob", "ref_not_found", ""),
        ("/runs/0", "not_found", ""),
        ("/nothing", "not_found", "/openapi.json"),
    ],
)
def test_what_is_not_there(served: Served, path: str, code: str, said: str) -> None:
    answer = served.client.get(path)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (404, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in (problem["hint"] or "")
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        (f"{W}/runs?limit=0", 422, "query.limit"),
        (f"{W}/runs?state=tired", 422, "query.state.0"),
        (f"{W}/runs?cursor=nonsense", 400, None),
        (f"{W}/tables?cursor=WzFd", 400, None),
        (f"{W}/tables/orders/diff?a=production", 422, "query.b"),
        (f"{W}/tables/orders/sample?limit=100000", 422, "query.limit"),
    ],
)
def test_wrong_questions(served: Served, path: str, status: int, field: str | None) -> None:
    answer = served.client.get(path)
    assert answer.status_code == status, answer.text
    if field:
        assert answer.json()["details"]["fields"][0]["field"] == field


def test_questions_to_the_tables(served: Served) -> None:
    asked = {
        "query": "SELECT sum(amount) AS s FROM orders WHERE order_id < $n",
        "ref": "production",
    }
    found = served.post(f"{W}/sql", {**asked, "parameters": {"n": 3}})
    assert conforms(served, "Rows", found)["rows"] == [{"s": 60}]
    for wrong in ("DROP TABLE orders", "SELECT * FROM '/etc/passwd'", "SELECT 1; SELECT 2"):
        assert served.client.post(f"{W}/sql", json={"query": wrong}).status_code in (400, 404)


def test_a_request_keeps_its_name(served: Served) -> None:
    answer = served.client.get("/me", headers={"x-request-id": "from-the-caller"})
    assert answer.headers["x-request-id"] == "from-the-caller"
    answer = served.client.get("/me", headers={"x-request-id": "a b"})
    assert len(answer.headers["x-request-id"]) == 16
