"""The web interface: built files, served beside the API with a strict policy.

The files are made by ``make web`` (or when a wheel is built) and lie in ``galley/_web``. Names
under ``assets/`` hold a digest of their content and are kept for good; every other address that
is no file is the one page, which finds out by itself what it shows.
"""

from __future__ import annotations

import gzip
import mimetypes
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from galley.errors import NotFoundError

FILES = Path(__file__).resolve().parent.parent / "_web"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
FOR_GOOD = "public, max-age=31536000, immutable"
EVERY_TIME = "no-cache"
PAGE = "index.html"
NOT_PAGES = ("api/", "assets/", "health", "ready", "metrics", "openapi.json", "exec/")
TEXTS = ("text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml")

NOT_BUILT = """\
The web interface was not built into this installation; the API is at /api/v1.
In a clone of the project: make web
"""


def add_web(app: FastAPI, folder: Path = FILES) -> None:
    """Serve the interface at every address that nothing else answers. Add it last."""

    def page(path: str, request: Request) -> Response:
        return answer(folder, path, zipped="gzip" in request.headers.get("accept-encoding", ""))

    app.add_api_route("/{path:path}", page, methods=["GET", "HEAD"], include_in_schema=False)


def answer(folder: Path, path: str, *, zipped: bool = False) -> Response:
    """The file of a path, or the page.

    Raises:
        NotFoundError: it is an address of the API, or of a file that is not there.
    """
    files = _files(folder)
    if path not in files and path.startswith(NOT_PAGES):
        raise NotFoundError(f"there is nothing at /{path}", hint="calls are in /openapi.json")
    if PAGE not in files:
        return PlainTextResponse(NOT_BUILT, 503, HEADERS)
    name = path if path in files else PAGE
    headers = {
        **HEADERS,
        "Cache-Control": FOR_GOOD if name.startswith("assets/") else EVERY_TIME,
        "Vary": "Accept-Encoding",
    }
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    body = files[name]
    if zipped and kind in TEXTS:
        headers["Content-Encoding"] = "gzip"
        body = _packed(folder, name)
    return Response(body, 200, headers, kind)


@cache
def _files(folder: Path) -> dict[str, bytes]:
    """Every file by its path; they are small, few, and do not change while a server runs."""
    if not folder.is_dir():
        return {}
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@cache
def _packed(folder: Path, name: str) -> bytes:
    return gzip.compress(_files(folder)[name], 9, mtime=0)
