"""What a server does not take, and how it says so."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from galley.lake.reading import file_paths
from galley.lake.warehouse import Warehouse
from galley.runs.messages import decode_answer
from galley.runs.model import Run, RunState
from galley.runs.protocol import StepDone
from galley.server.tokens import Signer, TaskClaim
from galley.version import VERSION
from tests.integration.engine.invariants import violations
from tests.integration.engine.kit import Works
from tests.integration.server.kit import Hand, until

Hands = Callable[[], Hand]
ROWS = [(n * n,) for n in range(500)]
SHORT = 1_000_000


@pytest.fixture
def run(works: Works) -> Run:
    """A run of one step with a table."""
    works.python("one", "@step\ndef one():\n    return [{'a': n * n} for n in range(500)]")
    return works.launch()


def ended(works: Works, run: Run) -> Run:
    until(lambda: works.get(run).state.terminal, "the end of the run")
    assert violations(works.home) == []
    return works.get(run)


def test_a_worker_of_another_version_is_told_both(hands: Hands) -> None:
    answer = hands().register("let-me-in", version="0.0.1")
    assert answer.status_code == 426
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "version_mismatch"
    assert "0.0.1" in problem["detail"]
    assert VERSION in problem["detail"]


@pytest.mark.parametrize("token", [None, "wrong", "let-me-i"])
def test_a_wrong_join_token(hands: Hands, token: str | None) -> None:
    answer = hands().register(token)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert answer.json()["hint"]


def test_calls_without_a_valid_session_token(hand: Hand, run: Run) -> None:
    forged = Signer(b"x" * 32).session_token(hand.session)
    for token in ("nonsense", forged, hand.claim()["token"]):
        for path in ("claims", "answers", "beats", "fields", "final"):
            assert hand.post(path, {}, token).status_code == 401, path
    bare = hand.client.post("/execution/beats", json={})
    assert bare.status_code == 401


def test_a_session_that_has_ended(hand: Hand, works: Works) -> None:
    shown = {"authorization": f"Bearer {hand.token}"}
    assert hand.client.delete("/execution/session", headers=shown).status_code == 204
    for path, body in (("beats", {}), ("claims", {"capacity": 1}), ("answers", {"answers": []})):
        answer = hand.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")


@pytest.mark.parametrize("lease", [SHORT])
def test_a_session_that_the_database_ended(hand: Hand, hands: Hands, works: Works) -> None:
    """Not heard of for two leases: whoever reaps it, its next beat says so."""
    time.sleep(2.6)
    assert until(lambda: hand.beat().status_code == 410, "the session's end")


def test_the_token_of_another_worker_s_task(hand: Hand, hands: Hands, run: Run) -> None:
    task = hand.claim()
    other = hands()
    other.register("let-me-in")
    assert other.final(task, "{}").status_code == 403
    put = other.client.put(
        "/execution/logs/out?offset=0",
        content=b"x",
        headers={"authorization": f"Bearer {other.token}", "galley-task": task["token"]},
    )
    assert put.status_code == 403
    told = {"answers": [{"token": task["token"], "kind": "final", "payload": "{}"}]}
    (outcome,) = other.post("answers", told).json()["outcomes"]
    assert outcome["status"] == 403
    assert hand.final(task, hand.do(task)).status_code == 200


def test_a_forged_task_token(hand: Hand, run: Run) -> None:
    task = hand.claim()
    claim = TaskClaim(task["id"], hand.session, "attempt/x/1", "../../etc/passwd")
    forged = Signer(b"y" * 32).task_token(claim)
    assert hand.final({**task, "token": forged}, "{}").status_code == 401
    assert hand.final(task, hand.do(task)).status_code == 200


def test_an_answer_may_be_repeated(hand: Hand, works: Works, run: Run) -> None:
    task = hand.claim()
    done = hand.do(task)
    answers = [hand.final(task, done) for _ in range(3)]
    assert [(a.status_code, a.json()["end"]) for a in answers] == [(200, "staged")] * 3
    assert ended(works, run).state is RunState.SUCCEEDED
    assert hand.final(task, done).json()["end"] == "staged"
    assert works.rows("one") == ROWS


def test_a_question_may_be_repeated(hand: Hand, works: Works, run: Run) -> None:
    task = hand.claim()
    step = json.loads(task["payload"])
    table_id = step["table_ids"]["one"]
    asked = {"kind": "fields", "table_id": table_id, "keys": [["", "a", "long"]], "at_least": 0}
    body = {"token": task["token"], "payload": json.dumps(asked)}
    answers = [hand.post("fields", body) for _ in range(2)]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].json() == answers[1].json()
    assert hand.post("fields", {**body, "payload": "{}"}).status_code == 400
    assert hand.final(task, hand.do(task)).status_code == 200


@pytest.mark.parametrize("lease", [SHORT])
def test_an_epoch_from_the_past(hand: Hand, hands: Hands, works: Works, run: Run) -> None:
    """The worker sleeps past its lease; the step is somebody else's when it answers."""
    first = hand.claim()
    done = hand.do(first)
    other = hands()
    other.register("let-me-in")
    # It lives, but says nothing of the step.
    alive = [hand.beat, other.beat]
    second = until(lambda: [beat() for beat in alive] and _next(other), "the second epoch")
    late = hand.final(first, done)
    assert (late.status_code, late.json()["code"]) == (409, "lost_lease")
    asked = hand.post("fields", {"token": first["token"], "payload": _question(first)})
    assert asked.status_code == 409
    assert other.final(second, other.do(second)).status_code == 200
    hand.beat()
    assert hand.final(first, done).status_code == 409
    assert ended(works, run).state is RunState.SUCCEEDED
    assert works.rows("one") == ROWS


def test_an_answer_after_the_run_was_cancelled(hand: Hand, works: Works, run: Run) -> None:
    from galley.runs.model import Intention

    task = hand.claim()
    works.ask(run, Intention.CANCEL)
    body = {"capacity": 1, "has": [task["id"]], "wait": 10}
    assert hand.post("claims", body).json()["cancels"] == [task["id"]]
    told = {"token": task["token"], "kind": "exited", "reason": "cancelled"}
    assert hand.post("final", told).status_code == 200
    assert ended(works, run).state is RunState.CANCELLED
    late = hand.final(task, hand.do(task))
    assert (late.status_code, late.json()["code"]) == (410, "gone")


def _next(hand: Hand) -> dict[str, Any] | None:
    answer = hand.post("claims", {"capacity": 1, "wait": 1}).json()
    return dict(answer["tasks"][0]) if answer["tasks"] else None


def _question(task: dict[str, Any]) -> str:
    table_id = json.loads(task["payload"])["table_ids"]["one"]
    return json.dumps({"kind": "fields", "table_id": table_id, "keys": [], "at_least": 0})


def _files(works: Works, done: str) -> list[Path]:
    answer = decode_answer(done.encode())
    assert isinstance(answer, StepDone)
    versions = [change.version for change in answer.changes if change.version]
    warehouse = Warehouse(works.home.warehouse)
    return [Path(path) for version in versions for path in file_paths(warehouse, version)]


@pytest.mark.parametrize("harm", ["missing", "short", "lying", "metadata"])
def test_a_finish_that_is_not_true(hand: Hand, works: Works, run: Run, harm: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    task = hand.claim()
    done = hand.do(task)
    (file,) = _files(works, done)
    if harm == "missing":
        file.unlink()
    elif harm == "short":
        file.write_bytes(file.read_bytes()[:-1])
    elif harm == "lying":
        size = file.stat().st_size
        pq.write_table(pa.table({"a": pa.array([1], pa.int64())}), file)
        # Padded before the footer's end, so that only the footer tells.
        whole = file.read_bytes()
        assert len(whole) <= size
        file.write_bytes(b"PAR1" + b"\0" * (size - len(whole)) + whole[4:])
    else:
        next(file.parent.parent.glob("metadata/*.metadata.json")).unlink()
    answer = hand.final(task, done)
    assert (answer.status_code, answer.json()["end"]) == (200, "storage")
    failed = ended(works, run)
    assert failed.state is RunState.FAILED
    assert "was not taken over" in (failed.message or "")
    assert works.rows("one") == []


def test_bodies_that_are_too_large_or_wrong(hand: Hand) -> None:
    headers = {"authorization": f"Bearer {hand.token}"}
    large = hand.client.post("/execution/beats", content=b" " * (2 << 20), headers=headers)
    assert (large.status_code, large.json()["code"]) == (413, "too_large")

    def endless() -> Any:
        for _ in range(40):
            yield b" " * (1 << 16)

    chunked = hand.client.post("/execution/beats", content=endless(), headers=headers)
    assert chunked.status_code == 413
    for body in (b"", b"[]", b'{"running": 3}', b"\xff"):
        assert (
            hand.client.post("/execution/beats", content=body, headers=headers).status_code == 400
        )
    assert hand.client.get("/execution/nothing").json()["code"] == "not_found"


def test_output_is_kept_once_wherever_it_is_sent_from(hand: Hand, works: Works, run: Run) -> None:
    task = hand.claim()
    shown = {"authorization": f"Bearer {hand.token}", "galley-task": task["token"]}

    def put(offset: int, data: bytes, stream: str = "out") -> Any:
        path = f"/execution/logs/{stream}?offset={offset}"
        return hand.client.put(path, content=data, headers=shown)

    assert put(0, b"hello ").json() == {"size": 6}
    assert put(0, b"hello ").json() == {"size": 6}
    assert put(6, b"world").json() == {"size": 11}
    gap = put(20, b"!")
    assert (gap.status_code, gap.json()["details"]) == (409, {"size": 11})
    assert put(0, b"x", "other").status_code == 400
    assert put(30 << 20, b"x").status_code == 413
    log = works.home.path / "logs" / f"{task['log']}.out"
    assert log.read_bytes() == b"hello world"
    assert hand.final(task, hand.do(task)).status_code == 200
