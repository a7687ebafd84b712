"""The interface's files: what is sent for which address, and whether its types are fresh."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import pytest

from galley.errors import NotFoundError
from galley.server.api.described import components, digest_of
from galley.server.web import NOT_BUILT, POLICY, answer

WEB = Path(__file__).parents[3] / "web"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>" + "page " * 100)
    (tmp_path / "assets" / "app-1a2b.js").write_text("run()")
    return tmp_path


def test_every_address_of_no_file_is_the_page_under_a_strict_policy(built: Path) -> None:
    page = answer(built, "p/flights/runs", zipped=True)
    assert gzip.decompress(page.body).startswith(b"<!doctype html>")
    assert page.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert page.headers["cache-control"] == "no-cache"


def test_what_has_a_digest_in_its_name_is_kept_for_good(built: Path) -> None:
    script = answer(built, "assets/app-1a2b.js")
    assert script.body == b"run()"
    assert "immutable" in script.headers["cache-control"]


@pytest.mark.parametrize("path", ["api/v1/nothing", "assets/gone-3c4d.js", "metrics"])
def test_what_is_no_page_is_not_found(built: Path, path: str) -> None:
    with pytest.raises(NotFoundError):
        answer(built, path)


def test_no_path_leads_out_of_the_folder(built: Path) -> None:
    (built.parent / "secret.txt").write_text("secret")
    for path in ("../secret.txt", "assets/../../secret.txt", str(built.parent / "secret.txt")):
        with contextlib.suppress(NotFoundError):
            assert b"secret" not in answer(built, path).body


def test_without_built_files_it_says_what_to_do(tmp_path: Path) -> None:
    found = answer(tmp_path / "none", "")
    assert found.status_code == 503
    assert bytes(found.body).decode() == NOT_BUILT


def test_the_types_of_the_interface_are_fresh() -> None:
    first = (WEB / "src/api/schema.d.ts").read_text().partition("\n")[0]
    assert first == f"// {digest_of(components())}", "the API has changed: make schema"


def test_no_file_of_the_interface_is_long_and_the_lock_names_no_host() -> None:
    sources = [*WEB.glob("src/**/*.ts"), *WEB.glob("src/**/*.tsx")]
    long = [file.name for file in sources if len(file.read_text().splitlines()) > 300]
    assert long == ["schema.d.ts"]
    assert '"resolved"' not in (WEB / "package-lock.json").read_text()
