"""The file of contexts, and what a call does when a server answers badly. Over real HTTP."""

import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from galley.cli import contexts
from galley.cli.commands.context import checked_url
from galley.cli.contexts import Context
from galley.cli.remote.client import Client
from galley.cli.remote.problems import error_of
from galley.cli.remote.stream import Stream
from galley.errors import (
    ConflictError,
    DefinitionError,
    DefinitionErrors,
    GalleyError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    UsageError,
    Where,
)
from galley.version import VERSION
from tests.acceptance.inside import Inside

Answer = tuple[int, dict[str, str], str]
HANG_UP: Answer = (0, {}, "")


@dataclass
class Played:
    """A server that gives these answers, one after the other, and what it was asked."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    url: str = ""

    def client(self, **options: Any) -> Client:
        return Client(Context("x", self.url, "secret"), tell=self.said.append, **options)


@pytest.fixture
def played() -> Iterator[Played]:
    found = Played()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            sent = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append({**sent, "path": unquote(self.path)})
            status, headers, body = found.answers.pop(0)
            if not status:
                self.connection.close()
                return
            self.send_response(status)
            named = {"content-type": "application/json", "x-galley-version": VERSION} | headers
            for name, value in named.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


BUSY: Answer = (503, {"retry-after": "0"}, '{"code": "unavailable", "detail": "no database"}')
DONE: Answer = (200, {}, '{"run": "r1"}')


def test_a_lost_answer_is_asked_for_again_with_the_same_key(played: Played) -> None:
    played.answers = [BUSY, HANG_UP, DONE]
    with played.client() as client:
        assert client.start("/runs", {"pipeline": "p"}).body == {"run": "r1"}
    assert len({one["idempotency-key"] for one in played.asked}) == 1
    assert [one["authorization"] for one in played.asked] == ["Bearer secret"] * 3
    assert "no database; asking again" in played.said[0]


def test_what_has_no_key_is_never_asked_for_twice(played: Played) -> None:
    played.answers = [HANG_UP, DONE]
    with played.client() as client, pytest.raises(UnavailableError, match="broke before") as told:
        client.post("/users", {"user": "ben"})
    assert len(played.asked) == 1
    assert "look before you ask again" in str(told.value)


def test_all_pages_are_of_one_commit(played: Played) -> None:
    first = '{"items": [1, 2], "next": "more", "ref": "production", "commit": "c1"}'
    last = '{"items": [3], "next": null, "ref": "production", "commit": "c1"}'
    played.answers = [(200, {}, first), (200, {}, last)]
    with played.client() as client:
        assert list(client.items("/tables", 3, ref="production")) == [1, 2, 3]
    assert [one["path"].partition("?")[2] for one in played.asked] == [
        "ref=production&limit=3",
        "ref=production@c1&limit=1&cursor=more",
    ]


def test_patience_ends(played: Played) -> None:
    played.answers = [BUSY] * 2
    with played.client(patience=0.0) as client, pytest.raises(UnavailableError) as told:
        client.get("/me")
    assert told.value.message == "no database"


def test_events_go_on_behind_the_last_one_after_a_break(played: Played) -> None:
    kind = {"content-type": "text/event-stream"}
    first = 'retry: 1\n\n: still here\n\nid: 7\ndata: {"n": 1}\n\nid: 8\ndata: {"n'
    played.answers = [(200, kind, first), HANG_UP, (200, kind, 'id: 8\ndata: {"n": 2}\n\n')]
    with played.client() as client:
        stream = iter(Stream(client, "/events", {"run": "r"}, last="0"))
        assert [next(stream).data for _ in range(2)] == [{"n": 1}, {"n": 2}]
    assert [one["last-event-id"] for one in played.asked] == ["0", "7", "7"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"content-type": "text/html", "x-galley-version": ""}, "<"), "something else"),
        ((302, {"location": "https://there"}, ""), "leads on to https://there"),
        ((404, {"content-type": "text/html", "x-galley-version": ""}, ""), "answered 404"),
    ],
)
def test_what_is_no_galley_says_so(played: Played, answer: Answer, said: str) -> None:
    played.answers = [answer]
    with played.client() as client, pytest.raises(UnavailableError, match=said):
        client.get("/me")


def test_another_version_is_told_once_and_where_a_call_is_missing(played: Played) -> None:
    older = {"x-galley-version": "0.0.9"}
    missing = '{"code": "not_found", "detail": "GET /x is no call of this server"}'
    played.answers = [(200, older, "{}"), (404, older, missing)]
    with played.client() as client:
        client.get("/me")
        with pytest.raises(NotFoundError) as told:
            client.get("/x")
    assert played.said == [f"the server is Galley 0.0.9, this command {VERSION}"]
    assert told.value.hint == f"the server is Galley 0.0.9, this command {VERSION}"


def test_problems_are_errors_of_the_one_tree() -> None:
    def problem(error: GalleyError) -> GalleyError:
        told = error.to_dict()
        return error_of({**told, "status": error.status, "detail": told["message"]})

    wrong = UsageError("a", hint="b")
    place = Where("a/b.sql", 3, 4)
    nested = DefinitionErrors((DefinitionError("c", where=place, hint="d"),))
    for error in (wrong, ConflictError("x", details={"y": 1}), UnauthorizedError("z"), nested):
        again = problem(error)
        assert type(again) is type(error)
        assert again.to_dict() == error.to_dict()
        assert str(again) == str(error)
    assert error_of({"code": "of_tomorrow", "status": 409}).exit_code == 4


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://galley.example.com", RefusedError),
        ("http://192.0.2.1:8642", RefusedError),
        ("galley.example.com", UsageError),
        ("ftp://galley.example.com", UsageError),
        ("https://ana:secret@galley.example.com", UsageError),
        ("https://galley.example.com:99999", UsageError),
    ],
)
def test_an_address_must_be_one_that_keeps_a_token(url: str, kind: type[GalleyError]) -> None:
    with pytest.raises(kind) as told:
        checked_url(url)
    assert "secret" not in str(told.value)


def test_addresses_are_kept_without_what_stands_behind() -> None:
    assert checked_url("https://g.example.com/team/api/v1/") == "https://g.example.com/team"
    assert checked_url("http://localhost:8642/") == "http://localhost:8642"
    assert checked_url("http://g.lan", plain=True) == "http://g.lan"


def test_only_its_owner_can_read_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own" / "contexts.json"
    monkeypatch.setenv("GALLEY_CONTEXTS", str(file))
    made = Context("x", "https://x", "gat_very_secret")
    before = os.umask(0)
    try:
        contexts.change(lambda found: found.with_(made))
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert contexts.read().known["x"] == made
    assert "very_secret" not in repr(made)
    shown = Inside(tmp_path).galley("context", "list", "--json")
    assert shown.json["contexts"][0]["logged_in"] is True
    assert "very_secret" not in shown.out + shown.err
    moved = Inside(tmp_path).galley("context", "add", "x", "https://y", "--json")
    assert moved.json["logged_in"] is False
    file.chmod(0o640)
    refused = Inside(tmp_path).galley("context", "list")
    assert (refused.status, "others can read" in refused.err) == (3, True)


def test_which_context_is_in_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALLEY_CONTEXTS", str(tmp_path / "contexts.json"))
    monkeypatch.delenv("GALLEY_CONTEXT")
    ana = Inside(tmp_path)
    for name in ("one", "two"):
        ana.galley("context", "add", name, f"https://{name}")
    assert contexts.chosen(None) is None
    assert ana.galley("context", "use", "one").status == 0
    names = [one and one.name for one in map(contexts.chosen, (None, "two", "local"))]
    assert names == ["one", "two", None]
    monkeypatch.setenv("GALLEY_CONTEXT", "two")
    chosen = contexts.chosen(None)
    assert chosen is not None
    assert chosen.name == "two"
    wrong = ana.galley("runs", GALLEY_CONTEXT="tow")
    assert (wrong.status, "did you mean two?" in wrong.err) == (2, True)
    ana.galley("context", "use", "-")
    ana.galley("context", "remove", "two")
    assert contexts.read().current is None
    assert set(contexts.read().known) == {"one"}
