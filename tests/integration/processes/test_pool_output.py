"""What tasks print, and what they write where they should not."""

import time
from pathlib import Path

import pytest

from galley.runs import logfiles
from galley.runs.model import Reason

from .conftest import Kitchen


def test_streams_are_kept_apart_and_complete_at_the_end(kitchen: Kitchen) -> None:
    task = kitchen.submit("talk", text="\x1b[31mrød\x1b[0m")
    kitchen.end(task)
    assert kitchen.log(task) == "\x1b[31mrød\x1b[0m"
    assert kitchen.log(task, "err") == "error: \x1b[31mrød\x1b[0m"


def test_a_megabyte_on_one_line(kitchen: Kitchen) -> None:
    task = kitchen.submit("write", text="y" * (1 << 20))
    kitchen.end(task)
    assert kitchen.log(task) == "y" * (1 << 20)


def test_secrets_are_redacted_wherever_the_stream_is_cut(kitchen: Kitchen) -> None:
    secret = "hunter2 & friends=?"
    parts = [kitchen.submit("encoded", secret=secret, times=5000, _secrets=(secret,))]
    kitchen.end(parts[0])
    lines = set(kitchen.log(parts[0]).splitlines())
    assert len(lines) == 1
    line = lines.pop()
    assert line.startswith("plain [redacted] basic ")
    assert line.count("[redacted]") == 2


def test_a_secret_in_two_writes_is_redacted(kitchen: Kitchen) -> None:
    task = kitchen.submit("write", text="ter2 hun", times=3, pause=0.05, _secrets=("hunter2",))
    kitchen.end(task)
    assert kitchen.log(task) == "ter2 [redacted] [redacted] hun"


def test_a_flood_is_bounded_and_starves_nobody(kitchen: Kitchen) -> None:
    flood = kitchen.submit("write", text="z" * (1 << 16), times=100_000)
    kitchen.started(flood)
    begin = time.monotonic()
    assert kitchen.result("echo", value=1) == 1
    time.sleep(0.3)
    assert kitchen.result("echo", value=2) == 2
    kitchen.pool.cancel(flood, grace=0)
    assert kitchen.end(flood).reason is Reason.CANCELLED
    assert time.monotonic() - begin < 3
    assert len(kitchen.log(flood)) < logfiles.LIMIT + 200


def test_a_full_disk_costs_output_only(kitchen: Kitchen) -> None:
    kitchen.pool.start()
    (kitchen.folder / "full.out").symlink_to("/dev/full")
    event = kitchen.run("talk", text="lost", _log="full")
    assert event.kind == "message"
    assert kitchen.log("full", "err") == "error: lost"


@pytest.mark.parametrize(
    ("body", "detail"),
    [("garbage", "wrote to the channel"), ("close_channel", "closed its channel")],
)
def test_tampering_with_the_channel_costs_one_attempt(
    kitchen: Kitchen, body: str, detail: str
) -> None:
    other = kitchen.submit("sleep", seconds=1)
    kitchen.started(other)
    event = kitchen.run(body)
    assert (event.kind, event.reason) == ("exited", Reason.LOST_WORKER)
    assert detail in event.detail
    assert kitchen.end(other).kind == "message"


def test_subprocesses_inherit_no_channel(kitchen: Kitchen) -> None:
    assert kitchen.result("channel_of_child") == []


def test_log_names_may_hold_folders_and_dots(kitchen: Kitchen) -> None:
    kitchen.run("talk", text="x", _log="run.1/step.2-1")
    assert sorted(path.name for path in Path(kitchen.folder, "run.1").iterdir()) == [
        "step.2-1.err",
        "step.2-1.out",
    ]
