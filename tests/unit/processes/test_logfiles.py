"""Logs are bounded, redacted, and never in the way."""

from pathlib import Path

from galley.runs.logfiles import LogFile


def test_the_file_appears_with_the_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "run" / "step.out"
    log = LogFile(path, ())
    log.close()
    assert not path.parent.exists()
    log = LogFile(path, ())
    log.write(b"one\n")
    assert path.read_bytes() == b"one\n"
    log.close()


def test_a_second_attempt_is_added_to_the_same_file(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        log = LogFile(tmp_path / "x", ())
        log.write(text)
        log.close()
    assert (tmp_path / "x").read_bytes() == b"one\ntwo\n"


def test_beyond_the_limit_one_line_says_what_is_missing(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "x", (), limit=10)
    for _ in range(5):
        log.write(b"abcd")
    log.close()
    assert (tmp_path / "x").read_bytes() == (
        b"abcdabcdab\n[galley: 10 further bytes were not kept; the limit is 10 bytes a stream]\n"
    )


def test_what_was_held_back_is_written_at_the_end(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "x", ("secret",))
    log.write(b"my sec")
    assert (tmp_path / "x").read_bytes() == b"my "
    log.close()
    assert (tmp_path / "x").read_bytes() == b"my sec"


def test_a_full_disk_is_counted(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("/dev/full")
    log = LogFile(tmp_path / "x", ())
    log.write(b"lost")
    assert log.lost == 4
    log.close()
    (tmp_path / "file").write_text("")
    log = LogFile(tmp_path / "file" / "x", ())
    log.write(b"lost")
    log.close()
    assert log.lost == 4
