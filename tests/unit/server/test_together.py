"""What many ask at once is answered once, and never from before they asked."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from galley.server.api.together import Together


def test_a_crowd_costs_two_answers_and_gets_nothing_old() -> None:
    together, begun, go = Together(), threading.Event(), threading.Event()
    asking = threading.Semaphore(0)
    made: list[bytes] = []
    world = [b"old"]

    def make() -> bytes:
        seen = world[0]
        made.append(seen)
        begun.set()
        assert go.wait(10)
        return seen

    def ask() -> bytes:
        asking.release()
        return together.answer("run", make)

    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(together.answer, "run", make)
        assert begun.wait(10)
        world[0] = b"new"
        crowd = [pool.submit(ask) for _ in range(20)]
        for _ in crowd:
            assert asking.acquire(timeout=10)
        go.set()
        assert first.result(10) == b"old"
        assert {one.result(10) for one in crowd} == {b"new"}
    assert 2 <= len(made) < 10
    assert together.answer("run", lambda: b"later") == b"later"


def test_an_error_is_for_those_who_asked_and_is_forgotten() -> None:
    together = Together()

    def fail() -> bytes:
        raise ValueError("no such run")

    with pytest.raises(ValueError, match="no such run"):
        together.answer("run", fail)
    assert together.answer("run", lambda: b"there") == b"there"
