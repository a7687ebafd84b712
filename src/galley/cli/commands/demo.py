"""``galley demo``."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import galley
from galley.cli import main, screen
from galley.cli.lazy import app_of
from galley.errors import UnavailableError, UsageError

DAY = "2013-12-31"
DELIVERY = f"data/incoming/{DAY}.csv"
IGNORED = shutil.ignore_patterns(".galley", "__pycache__", ".git")
WITHHELD = ("GALLEY_HOME", "GALLEY_REF", "GALLEY_DATABASE")


@dataclass(frozen=True, slots=True)
class Scene:
    """One part of the tour: what happens, the file that is delivered before it, the commands."""

    title: str
    text: str
    commands: tuple[tuple[str, ...], ...]
    deliver: str | None = None


ASK = (
    "SELECT date, origin, flights, late FROM daily_delay "
    "WHERE date >= DATE '2013-12-29' ORDER BY ALL"
)

SCENES = (
    Scene(
        "A year of flights, in your kitchen",
        "A kitchen is a branch of the data: nothing is copied, and nothing that happens in it gets "
        "out. The run stages every table, tests it, and publishes all of them together.",
        (("run", "delays", "--window", "2013-01-01..2013-12-31"), ("tables",)),
    ),
    Scene(
        "To production",
        "Code and data are promoted together. What the kitchen proved is adopted, not computed "
        "again.",
        (("promote", "--yes"), ("sql", ASK, "--at", "production")),
    ),
    Scene(
        "A bad day arrives",
        f"The delivery of {DAY} is broken. Production runs it; a blocking test fails, so nothing "
        "of the run is published and every reader still sees yesterday's tables.",
        (
            ("run", "delays", "--in", "production", "--window", DAY),
            ("sql", ASK, "--at", "production"),
        ),
        deliver="demo/bad_day.csv",
    ),
    Scene(
        "The fix",
        "The right file is delivered. Resuming takes over what was proved before and makes only "
        "the rest.",
        (("resume",), ("sql", ASK, "--at", "production")),
        deliver="demo/good_day.csv",
    ),
    Scene(
        "Taking it back",
        "Any publish can be taken back at once, for all its tables and its code; it stays taken "
        "back, and everybody can see why.",
        (
            ("rollback", "production", "--yes", "--reason", "the airport asks for a recount"),
            ("sql", ASK, "--at", "production"),
            ("history", "production"),
        ),
    ),
)


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="Where to put the example. Default: a temporary folder."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not wait between scenes.")] = False,
) -> None:
    """A guided tour: real flight data, a bad day that is stopped, the fix, and the way back.

    It runs the same commands that you would type, in a copy of the example that is yours to keep.
    """
    place = _copy(folder)
    for name in WITHHELD:
        os.environ.pop(name, None)
    console = screen.err()
    screen.say(console, f"the example is in {place}", "dim")
    before = Path.cwd()
    os.chdir(place)
    try:
        for number, scene in enumerate(SCENES, 1):
            _play(scene, number, wait=not yes and sys.stdin.isatty())
    finally:
        os.chdir(before)
    console.print()
    screen.say(console, f"That was it. Look around: cd {place} && galley --help", "bold")


def _play(scene: Scene, number: int, *, wait: bool) -> None:
    console = screen.err()
    console.print()
    screen.say(console, f"── {number} of {len(SCENES)}: {scene.title} ──", "bold cyan")
    screen.say(console, scene.text)
    if scene.deliver:
        shutil.copyfile(scene.deliver, DELIVERY)
        screen.say(console, f"\n$ cp {scene.deliver} {DELIVERY}", "bold")
    for command in scene.commands:
        screen.say(console, f"\n$ galley {_typed(command)}", "bold")
        main.execute(list(command))
        sys.stdout.flush()
    if wait and number < len(SCENES):
        sys.stderr.write("\npress Enter to go on ")
        sys.stderr.flush()
        sys.stdin.readline()


def _typed(command: tuple[str, ...]) -> str:
    """The command as it would be typed."""
    return " ".join(f'"{word}"' if " " in word else word for word in command)


def _copy(folder: Path | None) -> Path:
    source = _example()
    if folder is None:
        place = Path(tempfile.mkdtemp(prefix="galley-demo-")) / "flights"
    else:
        place = folder.absolute()
        if place.exists() and any(place.iterdir()):
            raise UsageError(f"{folder} is not empty; nothing was written", hint="galley demo DIR")
    shutil.copytree(source, place, ignore=IGNORED, dirs_exist_ok=True)
    return place


def _example() -> Path:
    """The example that is installed with the package, or the checkout's own."""
    package = Path(galley.__file__).parent
    for place in (package / "_examples" / "flights", package.parents[1] / "examples" / "flights"):
        if (place / "galley.yaml").is_file():
            return place
    raise UnavailableError(
        "the example is not installed", hint="install galley-dataops again, or: galley init NAME"
    )


app = app_of(demo)
