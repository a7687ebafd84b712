"""Every message survives its way over the wire."""

from datetime import date
from decimal import Decimal

import pytest

from galley.errors import InternalError
from galley.lake.model import (
    Change,
    FieldKey,
    Format,
    Intent,
    IntentKind,
    Span,
    Version,
    WindowEntry,
)
from galley.project.model import (
    Connection,
    LoadSpec,
    Materialize,
    Source,
    Stage,
    Step,
    StepKind,
    TestSpec,
    WindowSpec,
    WindowUnit,
)
from galley.runs.messages import decode_answer, decode_reply, decode_task, encode
from galley.runs.protocol import (
    FieldsReply,
    FieldsRequest,
    StepDone,
    StepTask,
    TaskFailed,
    TestDone,
    TestTask,
)
from galley.runs.verdict import Metric, Outcome, Verdict

SPAN = Span("2020-01-01", "2020-01-02")
TEST = TestSpec("unique id", "unique", "t", Stage.OUTPUT, {"columns": ["id"]}, tags=("a",))
VERSION = Version(
    "t",
    "id",
    Format.ICEBERG,
    "content",
    "p/t/metadata/1.json",
    "mark",
    ({"id": 1, "name": "ü", "type": "long"},),
    3,
    4,
    Intent(IntentKind.WINDOW, (SPAN,), ("a.parquet",)),
    inputs={"u": "c"},
)
STEP = Step(
    "s",
    "p",
    StepKind.LOAD,
    Source("a.yaml", 3),
    ("s",),
    ("t",),
    Materialize.WINDOW,
    "hash",
    window=WindowSpec("day", WindowUnit.DAY),
    tests=(TEST,),
    load=LoadSpec("csv", path="a.csv", options={"types": {"a": "INT"}}),
)
TASK = StepTask(
    kind="step",
    attempt="a",
    epoch=2,
    run="r",
    project="p",
    step=STEP,
    code_dir="/c",
    project_dir="/p",
    warehouse="/w",
    scratch="/s",
    inputs={"t": VERSION},
    bases={},
    table_ids={"s": "i"},
    variables={"x": [1, 2.5, None, "ü"]},
    now=5,
    spans=(SPAN,),
    secrets={"a": "b"},
    connections={"c": Connection("c", "postgres", "url")},
)
TESTS = TestTask(
    kind="test",
    run="r",
    project="p",
    tests=(TEST,),
    versions={"t": VERSION},
    code_dir="/c",
    warehouse="/w",
    scratch="/s",
    now=1,
    metrics=("t",),
)
VERDICT = Verdict("n", "h", "unique", "t", "output", Outcome.FAIL, "fail", True, 3, spans=(SPAN,))
ANSWERS = [
    StepDone(
        kind="step_done",
        changes=(Change("t", VERSION, windows=(WindowEntry(SPAN, "k", "c", ("f",)),)),),
        rows=1,
        bytes=2,
        seconds=0.5,
        preview={"columns": [], "rows": [[1]]},
    ),
    TestDone("test_done", (VERDICT,), (Metric("t", "rows", None, 3.0, span=SPAN),), 0.1),
    TaskFailed("failed", "user_error", "ValueError", "no", bases=("Exception",)),
    FieldsRequest("fields", "t", (FieldKey(-1, "a", "long"),), 4),
]


@pytest.mark.parametrize("task", [TASK, TESTS])
def test_tasks(task: StepTask | TestTask) -> None:
    assert decode_task(encode(task)) == task


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers(answer: StepDone | TestDone | TaskFailed | FieldsRequest) -> None:
    assert decode_answer(encode(answer)) == answer


def test_replies() -> None:
    reply = FieldsReply("fields", (1, 2))
    assert decode_reply(encode(reply)) == reply


def test_what_json_has_no_word_for_becomes_text() -> None:
    failed = TaskFailed("failed", "user_error", "E", "m", hint=Decimal("1.5"))  # type: ignore[arg-type]
    found = decode_answer(encode(failed))
    assert isinstance(found, TaskFailed)
    assert found.hint == "1.5"
    assert b"2020-01-01" in encode({"day": date(2020, 1, 1)})


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'{"kind": "surprise"}', b'{"kind": "failed"}', b'{"kind": "step_done"}'],
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(InternalError):
        decode_answer(data)
