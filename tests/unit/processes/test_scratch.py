"""Temporary folders go with whoever made them, and never before."""

import os
import subprocess
import sys
from pathlib import Path

from galley.runs import scratch


def made(folder: str) -> Path:
    """The folder with something in it."""
    Path(folder, "deep").mkdir(parents=True)
    Path(folder, "deep", "spilled").write_text("x")
    return Path(folder)


def test_the_folder_of_a_process_goes_after_the_process(tmp_path: Path) -> None:
    mine = made(scratch.own(tmp_path))
    code = f"from galley.runs import scratch; print(scratch.own({str(tmp_path)!r}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    other = made(told.stdout.strip())
    elsewhere = made(str(tmp_path / "of-00000000-1-1-00000000"))
    unknown = made(str(tmp_path / "doctor-12"))
    scratch.sweep(tmp_path)
    assert (mine.exists(), other.exists(), unknown.exists()) == (True, False, True)
    # Who is elsewhere cannot be looked at.
    assert elsewhere.exists()
    os.utime(elsewhere, (0, 0))
    scratch.sweep(tmp_path)
    assert not elsewhere.exists()


def test_what_cannot_be_removed_fails_nobody(tmp_path: Path) -> None:
    locked = made(str(tmp_path / "locked"))
    (locked / "deep").chmod(0)
    scratch.remove(locked)
    assert not locked.exists()
    scratch.remove(locked)
    file = tmp_path / "file"
    file.write_text("no folder")
    scratch.remove(file)
    assert file.exists()
