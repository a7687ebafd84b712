"""The event stream: who listens hears everything once, who comes back what was missed."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from galley.runs import outbox, queue
from galley.server.api import news, streams
from galley.server.api.app import THREADS
from tests.integration.api.conftest import Served
from tests.integration.server.kit import until


class Ear:
    """Somebody who listens in a thread of their own."""

    def __init__(self, served: Served, path: str = "/events", **headers: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.ended = threading.Event()
        self._begun: Queue[int] = Queue()
        self._client = httpx.Client(base_url=served.client.base_url, timeout=30, trust_env=False)
        self._answer: httpx.Response | None = None
        self._thread = threading.Thread(target=self._listen, args=(path, headers), daemon=True)
        self._thread.start()
        assert self._begun.get(timeout=20) == 200

    def _listen(self, path: str, headers: dict[str, str]) -> None:
        try:
            with self._client.stream("GET", path, headers=headers) as answer:
                self._answer = answer
                self._begun.put(answer.status_code)
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        self.times.append(time.time())
                        self.heard.append(json.loads(line[6:]))
        except httpx.HTTPError:
            pass
        finally:
            self.ended.set()

    def ids(self) -> list[int]:
        return [one["id"] for one in self.heard]

    def close(self) -> None:
        """Hang up; a thread that waits for more only notices this way."""
        if self._answer is not None and not self.ended.is_set():
            wire = self._answer.extensions["network_stream"].get_extra_info("socket")
            wire.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._client.close()


@contextmanager
def listening(served: Served, path: str = "/events", **headers: str) -> Iterator[Ear]:
    before = served.app.state.news.listeners
    found = Ear(served, path, **headers)
    until(lambda: served.app.state.news.listeners > before, "the listener")
    yield found
    found.close()
    until(lambda: served.app.state.news.listeners <= before, "the listener to go")


def tell(served: Served, *kinds: str, run: str, more: str = "") -> None:
    """Let things happen to a run."""
    with served.home.database.write() as connection:
        for kind in kinds:
            queue.emit(connection, run, kind, served.home.clock(), body={"more": more})


@pytest.fixture(scope="module")
def run(served: Served) -> str:
    return str(served.get("/projects/works/runs?limit=1")["items"][0]["run"])


def test_everybody_hears_everything_once(served: Served, run: str) -> None:
    paths = ("/events", "/events?project=works", "/events?project=other")
    with ExitStack() as stack:
        one, two, deaf = (stack.enter_context(listening(served, path)) for path in paths)
        tell(served, "a", "b", run=run)
        tell(served, "c", run=run)
        until(lambda: min(len(one.heard), len(two.heard)) >= 3, "three events", 20)
        for ear in (one, two):
            assert [event["kind"] for event in ear.heard] == ["a", "b", "c"]
            assert ear.heard[0]["run"] == run
            assert ear.ids() == sorted(ear.ids())
        assert deaf.heard == []


@pytest.mark.parametrize("forgotten", [False, True])
def test_who_comes_back_hears_what_was_missed(served: Served, run: str, forgotten: bool) -> None:
    """From memory, or from the database where that does not reach back."""
    with listening(served) as first:
        tell(served, "x", run=run)
        until(lambda: first.heard, "an event", 20)
        last = first.ids()[-1]
        tell(served, "missed-1", "missed-2", run=run)
        until(lambda: len(first.heard) >= 3, "all of them", 20)
        if forgotten:
            served.app.state.news._kept.clear()
        with listening(served, **{"last-event-id": str(last)}) as again:
            until(lambda: len(again.heard) >= 2, "what was missed", 20)
            tell(served, "new", run=run)
            until(lambda: len(again.heard) >= 3, "what is new", 20)
            assert [one["kind"] for one in again.heard] == ["missed-1", "missed-2", "new"]


def test_one_look_serves_all(served: Served, run: str) -> None:
    """And none is taken while nothing is written."""
    with listening(served), listening(served), listening(served) as ear:
        before = served.app.state.news.looks
        tell(served, "looked", run=run)
        until(lambda: ear.heard, "an event", 20)
        assert served.app.state.news.looks - before <= 4
        settled = served.app.state.news.looks
        time.sleep(0.5)
        # The engine writes a heartbeat now and then.
        assert served.app.state.news.looks - settled <= 3


def test_who_does_not_read_is_let_go(
    served: Served, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others hear everything meanwhile."""
    monkeypatch.setattr(streams, "PATIENCE", 0.5)
    monkeypatch.setattr(news, "MOST", 50)
    where = urlsplit(served.url)
    deaf = socket.create_connection((str(where.hostname), where.port or 0))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    with listening(served) as ear:
        number = served.app.state.news.listeners
        for _ in range(40):
            tell(served, *["x"] * 40, run=run, more="x" * 20_000)
            if served.app.state.news.listeners < number:
                break
            time.sleep(0.12)
        until(lambda: served.app.state.news.listeners == 1, "the other to be let go", 20)
        tell(served, "after", run=run)
        until(lambda: ear.heard[-1]["kind"] == "after", "what came after", 20)
        assert ear.heard[0]["kind"] == "x"
    deaf.close()


def test_a_stream_stops_being_followed_with_its_last_listener(served: Served, run: str) -> None:
    with listening(served):
        assert served.app.state.news._looking is not None
    until(lambda: served.app.state.news._looking is None, "the looking to end", 20)


def test_an_event_that_appears_after_a_younger_one() -> None:
    """On a shared database ids do not become visible in their order."""
    found = outbox.Reader(_Shared())  # type: ignore[arg-type]
    early, late = (_event(number) for number in (7, 6))
    found._forget([early])
    assert (found._floor, set(found._seen)) == (0, {7})
    found._forget([late])
    assert set(found._seen) == {6, 7}
    found._seen = {6: time.monotonic() - 60, 7: time.monotonic()}
    found._forget([])
    assert (found._floor, set(found._seen)) == (6, {7})


class _Shared:
    is_sqlite = False


def _event(id: int) -> Any:
    return outbox.News(id, "r", "p", "l", "k", None, "kind", None, 0)


def test_silence_is_broken_by_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
    sent: list[bytes] = []

    async def silent() -> Any:
        await asyncio.sleep(0.1)
        yield b"data: 1\n\n"

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    async def receive() -> Any:
        await asyncio.sleep(60)

    asyncio.run(streams.EventStream(silent(), asyncio.Event())({}, receive, send))
    assert sent.count(b": still here\n\n") >= 2
    assert sent[-2:] == [b"data: 1\n\n", b""]


def heard(ear: Any, kind: str) -> bool:
    return kind in [one["kind"] for one in ear.heard]


def test_a_crowd_that_asks_does_not_keep_others_from_hearing(served: Served, run: str) -> None:
    together, go = served.app.state.place.together, threading.Event()

    def slow() -> bytes:
        assert go.wait(30)
        return b"{}"

    with ThreadPoolExecutor(3 * THREADS) as crowd, listening(served) as ear:
        crowd.submit(together.answer, f"run {run}", slow)
        answers = [crowd.submit(served.get, f"/runs/{run}") for _ in range(2 * THREADS)]
        for number in range(1, 6):
            tell(served, f"crowd.{number}", run=run)
            wanted = f"crowd.{number}"
            until(partial(heard, ear, wanted), wanted, 10)
        go.set()
        assert {one.result(30)["run"] for one in answers} == {run}
