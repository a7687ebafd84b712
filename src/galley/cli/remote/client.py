"""Calling a server's API: what fails is the error that a local command would end with.

What may be asked twice is asked again where an answer got lost: reading, and whatever carries an
idempotency key. A server that says to come again is waited for, a bounded time.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from galley.cli.contexts import Context
from galley.cli.remote.problems import error_of
from galley.errors import GalleyError, NotFoundError, UnauthorizedError, UnavailableError
from galley.ids import new_id
from galley.server.link import ANSWER, CONNECT, trusted
from galley.version import VERSION

PREFIX = "/api/v1"
PATIENCE = 30.0
"""Seconds in which a server that hangs up or says to come again is asked again."""

PAUSE = 1.0
"""Seconds between two tries where the server does not say how long."""

LARGEST_PAGE = 200
_TRANSIENT = frozenset({502, 503, 504})
_PASSING = frozenset({"unavailable", "contended", None})
"""Codes of those problems that pass by themselves."""

Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``etag`` is what a conditional change says it saw."""

    body: Any
    headers: httpx.Headers
    content: bytes

    @property
    def etag(self) -> str | None:
        """The state that the answer shows."""
        found: str | None = self.headers.get("etag")
        return found


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. ``twice``: asking again does no harm."""

    method: str
    path: str
    body: Any = None
    query: Query | None = None
    headers: Mapping[str, str] | None = None
    content: bytes | None = None
    twice: bool = True
    seconds: float = ANSWER


class Client:
    """A server as a context names it. ``tell`` hears why it takes long. For several threads."""

    def __init__(
        self, context: Context, *, tell: Callable[[str], None], patience: float = PATIENCE
    ) -> None:
        self.context = context
        self.tell = tell
        self.patience = patience
        self._answered = self._compared = False
        shown = {"authorization": f"Bearer {context.token}"} if context.token else {}
        self.http = httpx.Client(
            base_url=context.url + PREFIX,
            verify=trusted(context.certificates or True),
            timeout=httpx.Timeout(ANSWER, connect=CONNECT),
            headers={"user-agent": f"galley/{VERSION}", **shown},
            trust_env=False,
        )

    def get(self, path: str, **query: Any) -> Any:
        """What is at a path; a query's ``None`` is left out."""
        return self.ask(Request("GET", path, query=query)).body

    def pages(self, path: str, limit: int | None = None, **query: Any) -> Iterator[Any]:
        """A list's pages with ``limit`` items altogether, or all of them, as of one commit."""
        left, cursor = limit, None
        while left is None or left > 0:
            size = LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
            page = self.get(path, **query, limit=size, cursor=cursor)
            yield page
            cursor = page["next"]
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])
            if "commit" in page:
                query["ref"] = f"{page['ref']}@{page['commit']}"

    def items(self, path: str, limit: int | None = None, **query: Any) -> Iterator[Any]:
        """A list's items, up to ``limit``."""
        for page in self.pages(path, limit, **query):
            yield from page["items"]

    def listed(self, path: str, limit: int, **query: Any) -> tuple[list[Any], str | None]:
        """A list's first items, and what a home says of where the rest begins."""
        found = list(self.pages(path, limit, **query))
        cursor = found[-1]["next"]
        after = json.loads(base64.urlsafe_b64decode(cursor))[0] if cursor else None
        return [one for page in found for one in page["items"]], after

    def start(
        self, path: str, body: Any = None, *, query: Query | None = None, match: str | None = None
    ) -> Reply:
        """Ask for something to be done, once: a key lets the server know it is the same again.

        ``match`` is the state of what is changed, as it was seen.
        """
        headers = {"idempotency-key": new_id(), **({"if-match": match} if match else {})}
        return self.ask(Request("POST", path, body, query, headers=headers))

    def post(self, path: str, body: Any = None, *, query: Query | None = None) -> Any:
        """Ask for something that has no key: where the answer gets lost nobody asks again."""
        return self.ask(Request("POST", path, body, query, twice=False)).body

    def put(self, path: str, body: Any = None, *, content: bytes | None = None) -> Any:
        """Set something: the same again changes nothing."""
        return self.ask(Request("PUT", path, body, content=content)).body

    def delete(self, path: str, **query: Any) -> Any:
        """End something."""
        return self.ask(Request("DELETE", path, query=query, twice=False)).body

    def save(self, request: Request, file: Path) -> httpx.Headers:
        """Ask for what may be large, into a file; its headers. Raises as ``ask`` does."""
        try:
            with self.http.stream(
                request.method,
                request.path,
                json=request.body,
                timeout=httpx.Timeout(request.seconds, connect=CONNECT),
            ) as response:
                headers = self.headers_of(response)
                if response.status_code != 200:
                    response.read()
                    raise self.refusal(response, twice=False)
                with file.open("wb") as target:
                    for some in response.iter_bytes():
                        target.write(some)
        except httpx.TransportError as error:
            raise self.trouble(error, sent=self._answered, twice=False) from error
        return headers

    def ask(self, request: Request) -> Reply:
        """Send a request until it is answered.

        Raises:
            GalleyError: the server refused; as a local command would.
            UnavailableError: nobody answers, or what does is no Galley server.
        """
        until: float | None = None
        while True:
            try:
                return self._asked(request)
            except ComeAgainError as error:
                now = time.monotonic()
                if until is None:
                    until = now + self.patience
                    self.tell(f"{error.message}; asking again for up to {self.patience:.0f} s")
                if now >= until:
                    raise error.final from error
                time.sleep(max(0.0, min(error.pause, until - now)))

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def headers_of(self, response: httpx.Response) -> httpx.Headers:
        """An answer's headers; that there are two versions is told once."""
        self._answered = True
        theirs = response.headers.get("x-galley-version")
        if theirs not in (None, VERSION) and not self._compared:
            self._compared = True
            self.tell(f"the server is Galley {theirs}, this command {VERSION}")
        return response.headers

    def _asked(self, request: Request) -> Reply:
        sent = {} if request.headers is None else dict(request.headers)
        query = {k: v for k, v in (request.query or {}).items() if v is not None}
        try:
            response = self.http.request(
                request.method,
                request.path,
                params=query,
                headers=sent,
                json=request.body,
                content=request.content,
                timeout=httpx.Timeout(request.seconds, connect=CONNECT),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self.trouble(error, sent=False, twice=True) from error
        except httpx.TransportError as error:
            raise self.trouble(error, sent=True, twice=request.twice) from error
        headers = self.headers_of(response)
        if response.status_code < 300:
            return Reply(_body(self.context.url, response), headers, response.content)
        raise self.refusal(response, twice=request.twice)

    def trouble(self, error: httpx.TransportError, *, sent: bool, twice: bool) -> UnavailableError:
        """What to raise where the connection fails."""
        said = str(error) or type(error).__name__
        hint = "is it running, and is this its address? galley context list"
        final = UnavailableError(f"nobody answers at {self.context.url}: {said}", hint=hint)
        if sent and not twice:
            return UnavailableError(
                f"the connection to {self.context.url} broke before the answer: {said}",
                hint="it may be done all the same: look before you ask again",
            )
        if sent or self._answered:
            return ComeAgainError(f"{self.context.url} does not answer", final, PAUSE)
        return final

    def refusal(self, response: httpx.Response, *, twice: bool = True) -> Exception:
        """What to raise for an answer that is none."""
        status, url = response.status_code, self.context.url
        problem = _json(response) if _is_json(response) else None
        if isinstance(problem, dict) and "code" in problem:
            error = error_of({"status": status, **problem})
        elif status in _TRANSIENT:
            problem = {"code": None}
            error = UnavailableError(f"the server behind {url} does not answer ({status})")
        else:
            return _no_galley(url, response)
        if status in _TRANSIENT and twice and problem["code"] in _PASSING:
            return ComeAgainError(error.message, error, _pause(response))
        if isinstance(error, UnauthorizedError):
            error.hint = f"galley login {self.context.name}"
        if isinstance(error, NotFoundError) and error.message.endswith("no call of this server"):
            theirs = response.headers.get("x-galley-version", "of another version")
            error.hint = f"the server is Galley {theirs}, this command {VERSION}"
        return error


class ComeAgainError(UnavailableError):
    """Asked again after ``pause`` seconds it may go through; else it ends with ``final``."""

    def __init__(self, message: str, final: GalleyError, pause: float) -> None:
        super().__init__(message, hint=final.hint)
        self.final = final
        self.pause = pause


def path_of(*parts: str) -> str:
    """A path of these parts; a slash within one belongs to it."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _pause(response: httpx.Response) -> float:
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else PAUSE


def _is_json(response: httpx.Response) -> bool:
    kind = str(response.headers.get("content-type", "")).partition(";")[0]
    return kind == "application/json" or kind.endswith("+json")


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _body(url: str, response: httpx.Response) -> Any:
    """The answer; what is no JSON counts only where the server names itself."""
    if _is_json(response):
        return response.json()
    if not response.headers.get("x-galley-version"):
        raise _no_galley(url, response)
    return None


def _no_galley(url: str, response: httpx.Response) -> UnavailableError:
    to = response.headers.get("location")
    said = f"leads on to {to}" if to else f"answered {response.status_code} without saying why"
    if response.status_code < 300:
        said = "answered something else"
    return UnavailableError(
        f"{url} is no Galley server: it {said}", hint="check the address: galley context list"
    )
