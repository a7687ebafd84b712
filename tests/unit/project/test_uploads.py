"""What somebody may send instead of a project, and what becomes of it: nothing."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from galley.errors import GalleyError, InvalidRequestError, TooLargeError
from galley.project.uploads import Limits, unpack_upload

Entry = tuple[str, bytes | int]
"""A name, and what is in it or which type of entry it is."""
PROJECT: Entry = ("galley.yaml", b"name: shop\n")
SMALL = Limits(unpacked=1 << 20, file=1 << 16, entries=50)


def packed(*entries: Entry, target: str = "galley.yaml") -> bytes:
    """An archive of entries as they are given."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type = bytes([content])
                member.linkname = target
                archive.addfile(member)
    return buffer.getvalue()


def unpacked(tmp_path: Path, data: bytes, limits: Limits = SMALL) -> Path:
    """The folder that an archive becomes; nothing may come to stand beside it."""
    area = tmp_path / "area"
    area.mkdir()
    (area / "upload").write_bytes(data)
    try:
        unpack_upload(area / "upload", area / "project", limits)
    finally:
        assert {path.name for path in tmp_path.iterdir()} == {"area"}
        assert {path.name for path in area.iterdir()} <= {"upload", "upload.tar", "project"}
    return area / "project"


def test_files_and_folders_are_laid_out(tmp_path: Path) -> None:
    folders: Entry = ("./pipelines/", tarfile.DIRTYPE[0])
    step: Entry = ("./pipelines/shop/größe.sql", b"SELECT 1 AS n")
    found = unpacked(tmp_path, packed(("./galley.yaml", b"name: shop\n"), folders, step))
    files = {str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()}
    assert files == {"galley.yaml", "pipelines/shop/größe.sql"}


LINKS = {
    "symbolic": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "device": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
}


@pytest.mark.parametrize("kind", LINKS)
def test_only_plain_files_are_taken(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"no plain file|cannot be read"):
        unpacked(tmp_path, packed(PROJECT, ("inner", LINKS[kind][0])))


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    link: Entry = ("out", tarfile.SYMTYPE[0])
    with pytest.raises(InvalidRequestError, match="no plain file"):
        unpacked(tmp_path, packed(PROJECT, link, ("out/evil", b"x"), target="/tmp"))


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../evil",
        "pipelines/../../evil",
        "pipelines//evil",
        "pipelines/./evil",
        "C:/evil",
        "pipelines\\evil",
        "a\nb",
        "a\x1b[2Jb",
        "a\u202eb",
        "trailing.",
        " leading",
        "x" * 201,
        "/".join("abcdefghijklmnopqrstu"),
    ],
)
def test_names_that_lead_elsewhere_or_are_odd_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="the archive is refused") as told:
        unpacked(tmp_path, packed(PROJECT, (name, b"evil")))
    assert told.value.message.isprintable()
    assert told.value.message.isascii()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.sql", "a.sql"),
        ("a.sql", "A.sql"),
        ("One/a.sql", "one/b.sql"),
        ("e\u0301.sql", "\u00e9.sql"),
        ("a", "a/b"),
        ("a/b", "a"),
    ],
)
def test_what_would_fall_on_something_else_is_refused(
    tmp_path: Path, first: str, second: str
) -> None:
    with pytest.raises(InvalidRequestError, match="the archive is refused"):
        unpacked(tmp_path, packed(PROJECT, (first, b"1"), (second, b"2")))


def lying(data: bytes) -> bytes:
    """The archive with a first entry that says it is larger than all that follows."""
    plain = bytearray(gzip.decompress(data))
    plain[124:136] = b"%011o\0" % (1 << 33)
    plain[148:156] = b"        "
    plain[148:156] = b"%06o\0 " % sum(plain[:512])
    return gzip.compress(bytes(plain))


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "no gzip": lambda _: b"PK\x03\x04 a zip",
    "no tar": lambda _: gzip.compress(b"just a text, longer than a block" * 40),
    "cut": lambda data: data[: len(data) // 2],
    "cut inside": lambda data: gzip.compress(gzip.decompress(data)[:700]),
    "flipped": lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:],
    "lying": lying,
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_archive_is_refused(tmp_path: Path, how: str) -> None:
    data = DAMAGED[how](packed(PROJECT, ("a.sql", b"SELECT 1" * 400)))
    with pytest.raises(GalleyError) as told:
        unpacked(tmp_path, data)
    assert (told.value.status, told.value.exit_code) == (422, 2), told.value


def test_a_project_file_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"no galley.yaml at its top") as told:
        unpacked(tmp_path, packed(("shop/galley.yaml", b"name: shop\n")))
    assert "not the folder itself" in (told.value.hint or "")


@pytest.mark.parametrize("entries", [SMALL.entries, SMALL.entries - 1])
def test_only_so_many_files_are_taken(tmp_path: Path, entries: int) -> None:
    data = packed(PROJECT, *((f"f{n}", b"") for n in range(entries)))
    if entries < SMALL.entries:
        unpacked(tmp_path, data)
        return
    with pytest.raises(TooLargeError, match="more than 50 files"):
        unpacked(tmp_path, data)


def test_one_file_may_be_only_so_large(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="big"):
        unpacked(tmp_path, packed(PROJECT, ("big", bytes(SMALL.file + 1))))


def test_a_bomb_is_not_unpacked_further_than_allowed(tmp_path: Path) -> None:
    """A hundred MiB in a hundred kB: it is put down as soon as it is too large."""
    bomb = gzip.compress(bytes(100 << 20), 9)
    assert len(bomb) < 200_000
    with pytest.raises(TooLargeError, match="more than 1 MiB"):
        unpacked(tmp_path, bomb)
    assert (tmp_path / "area" / "upload.tar").stat().st_size < 3 << 20


def test_many_small_files_are_together_too_large(tmp_path: Path) -> None:
    data = packed(PROJECT, *((f"f{n}", bytes(SMALL.file)) for n in range(17)))
    with pytest.raises(TooLargeError, match="more than 1 MiB"):
        unpacked(tmp_path, data)
