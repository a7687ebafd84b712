"""Pages of documentation that can be run: their commands, files and snippets, in order.

How a page is written, so that it can be run:

- A block ``console`` holds commands after ``$ `` and what they print. Printed lines are compared
  in order: ``…`` stands for any text, a line ``…`` for any lines, runs of blanks are one blank.
  Notes on stderr count only when a command fails. A command without output below it may print.
- A command may fail only if the next one is ``$ echo $?``.
- A line that is just a path in backticks with a colon puts the next block into that file.
  ``Append to `path`:`` adds to it, ``In `path`, replace:`` is followed by two blocks.
- A block ``python`` without a file is run; a block ``text`` after it is what it prints.
- A block ``sh`` or ``text`` elsewhere, and ``yaml``, ``sql`` or ``python`` after the words
  "For example", is only shown; YAML must still parse.

Each page starts in an empty folder, as the user ana.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.warm.interpreter import interpreter, startup

FENCE = re.compile(r"^```(\w*)\s*$")
TARGET = re.compile(r"^(?P<verb>Append to )?`(?P<path>[\w./-]+)`:$")
REPLACE = re.compile(r"^In `(?P<path>[\w./-]+)`, replace:$")
SHOWN = re.compile(r"^For example")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the line above it, its text, and its line in the page."""

    language: str
    lead: str
    text: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lead, language, start = "", "", 0
    body: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if body is not None and line == "```":
            yield Block(language, lead, "\n".join(body) + "\n", start)
            body, lead = None, ""
        elif body is not None:
            body.append(line)
        elif fence:
            body, language, start = [], fence[1], number
        elif line.strip():
            lead = line.strip()


@dataclass
class Page:
    """A page being run: where it is, what it has exported, how the last command ended.

    ``cold``: each command starts Python and imports, as for a reader. ``done`` counts what was
    run: commands and snippets.
    """

    path: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    cold: bool = False
    status: int = 0
    printed: str = ""
    old: str = ""
    done: int = 0

    def __post_init__(self) -> None:
        """Start as ana, with the tested package's commands first."""
        kept = ("HOME", "LANG", "TMPDIR")
        self.environment |= {name: os.environ[name] for name in kept if name in os.environ}
        tools = [str(Path(sys.executable).parent), os.environ["PATH"]]
        self.environment |= {
            "GALLEY_USER": "ana",
            "GALLEY_CONTEXTS": str(self.folder / ".config" / "contexts.json"),
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "PYTHONWARNINGS": "error",
        }
        if not self.cold:
            tools.insert(0, str(interpreter(startup(self.environment)).scripts))
        self.environment["PATH"] = os.pathsep.join(tools)

    def run(self) -> None:
        """Run every block. Raises AssertionError where something else happens than is shown."""
        last = ""
        for block in blocks(self.path.read_text("utf-8")):
            where = f"{self.path.name}:{block.line}"
            if block.language == "console":
                self._console(block.text, where)
            elif block.language == "text" and last == "python":
                check(self.printed, block.text.splitlines(), where)
            elif not self._file(block, where) and block.language == "yaml":
                yaml.safe_load(block.text)
            last = block.language
        assert self.status == 0, f"{self.path.name}: the last command ended with {self.status}"

    def _file(self, block: Block, where: str) -> bool:
        """Write a file, or run a snippet; says whether the block was either."""
        if self.old:
            self._replace(block.text, where)
        elif (found := REPLACE.match(block.lead)) is not None:
            self.old = f"{found['path']}\n{block.text}"
        elif (found := TARGET.match(block.lead)) is not None:
            target = self.folder / found["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            before = target.read_text("utf-8") if found["verb"] else ""
            target.write_text(before + block.text, "utf-8")
        elif block.language == "python" and not SHOWN.match(block.lead):
            self._call([sys.executable, "-c", block.text], where)
            assert self.status == 0, f"{where}: {self.printed}"
        else:
            return False
        return True

    def _replace(self, new: str, where: str) -> None:
        name, _, old = self.old.partition("\n")
        self.old = ""
        target = self.folder / name
        before = target.read_text("utf-8")
        assert before.count(old) == 1, f"{where}: {name} does not hold the block above once"
        target.write_text(before.replace(old, new), "utf-8")

    def _console(self, text: str, where: str) -> None:
        for command, expected in commands(text):
            if command == "echo $?":
                self.printed, self.status = f"{self.status}\n", 0
            else:
                assert self.status == 0, f"{where}: before `{command}`: {self.printed}"
                self._command(command, where)
            check(self.printed, expected, f"{where} `{command}`")

    def _command(self, command: str, where: str) -> None:
        if command.startswith("cd "):
            self.folder = (self.folder / command[3:].strip()).resolve()
            assert self.folder.is_dir(), f"{where}: {command}"
            self.printed = ""
        elif command.startswith("export "):
            name, _, value = command[7:].partition("=")
            self.environment[name] = value
            self.printed = ""
        else:
            self._call(["bash", "-c", command], where)

    def _call(self, arguments: list[str], where: str) -> None:
        self.done += 1
        done = subprocess.run(
            arguments,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.status = done.returncode
        self.printed = done.stdout + (done.stderr if self.status else "")


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block with the lines shown below it."""
    command: str | None = None
    shown: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, shown
            command, shown = line[2:], []
        else:
            assert command is not None, f"a block begins with output: {line}"
            shown.append(line)
    if command is not None:
        yield command, shown


def check(printed: str, expected: list[str], where: str) -> None:
    """Compare what a page shows with what was printed; nothing shown is nothing asked."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    lines = [line for line in lines if line]
    at, free = 0, False
    for shown in (" ".join(line.split()) for line in expected):
        if not shown or shown == "…":
            free = free or shown == "…"
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in shown.split("…")))
        end = len(lines) if free else min(at + 1, len(lines))
        found = next((n for n in range(at, end) if pattern.fullmatch(lines[n])), -1)
        assert found >= 0, f"{where}: not printed: {shown}\nit printed:\n{printed}"
        at, free = found + 1, False
    rest = lines[at:] if expected and not free else []
    assert not rest, f"{where}: also printed: {rest[0]}\nit printed:\n{printed}"
