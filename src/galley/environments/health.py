"""Looking whether the installation, the home and the machine are fit for work."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator

from galley.environments import retention, vitals
from galley.environments.checking import FAIL, OK, WARN, Check
from galley.environments.home import Home
from galley.environments.reading import remedy
from galley.errors import GalleyError
from galley.ids import new_id
from galley.lake import refs, trees
from galley.lake.bucket import SCHEME
from galley.lake.model import Version
from galley.lake.presence import Damage, Size, damage_of, moved_from
from galley.lake.warehouse import Warehouse, storage_errors
from galley.project.model import Retention
from galley.runs import processes, records
from galley.runs.lockfile import EngineLock
from galley.runs.sessions import boot_id
from galley.version import VERSION

LIBRARIES = ("duckdb", "pyarrow", "pyiceberg", "sqlalchemy", "sqlglot", "pydantic")
ROOM = 1 << 30
"""Bytes of free disk below which is warned; a tenth of it is a failure."""

SLOW = 0.2
"""Seconds above which a synced write is called slow."""

MOST_FILES = 20_000
"""How many files of the warehouse are looked at."""

MOST_DAMAGES = 20
"""How many damaged files are named."""

EARLIEST = 1_735_689_600.0
"""Seconds since 1970 at 2025-01-01: a clock before that is wrong."""


def examine(home: Home, project: str | None) -> tuple[Check, ...]:
    """Every check, in order; one that cannot even be made has failed."""
    checks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("python", _python),
        ("home", lambda: _home(home)),
        ("database", lambda: vitals.database(home)),
        ("schema", lambda: vitals.schema_of(home)),
        ("clock", _clock),
        ("clocks", lambda: vitals.skew(home)),
        ("disk", lambda: _disk(home)),
        ("warehouse", lambda: _warehouse(home)),
        ("files", lambda: _files(home, project)),
        ("engine", lambda: vitals.engines(home)),
        ("processes", lambda: _processes(home)),
        ("scratch", lambda: vitals.scratch(home)),
        ("refs", lambda: _refs(home, project)),
    )
    found: list[Check] = []
    for name, check in checks:
        try:
            found += check()
        except GalleyError as error:
            found.append(Check(name, FAIL, error.message, error.hint))
        except OSError as error:
            found.append(Check(name, FAIL, str(error)))
    return tuple(found)


def _python() -> Iterator[Check]:
    version = platform.python_version()
    fit = sys.version_info >= (3, 11)
    yield Check("python", OK if fit else FAIL, f"{version} at {sys.executable}")
    said, missing = [], []
    for name in LIBRARIES:
        try:
            said.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        hint = "pip install --force-reinstall galley-dataops"
        yield Check("libraries", FAIL, f"not installed: {', '.join(missing)}", hint)
    else:
        yield Check("libraries", OK, f"galley {VERSION}, {', '.join(said)}")


def _home(home: Home) -> Iterator[Check]:
    for name in ("", "warehouse", "code", "logs", "scratch", "cache"):
        folder = home.path / name
        if not os.access(folder, os.W_OK | os.X_OK):
            hint = "give this user the right to write it, or choose another with GALLEY_HOME"
            yield Check("home", FAIL, f"{folder} cannot be written", hint)
            return
    yield Check("home", OK, str(home.path))


def _clock() -> Iterator[Check]:
    wall, steady = time.time(), time.monotonic()
    time.sleep(0.05)
    drift = abs((time.time() - wall) - (time.monotonic() - steady))
    if time.time() < EARLIEST:
        yield Check("clock", FAIL, f"it says {time.ctime()}", "set the machine's clock")
    elif drift > 0.02:
        yield Check("clock", WARN, f"it jumped by {drift:.3f} s while it was watched")
    else:
        yield Check("clock", OK, "steady")


def _disk(home: Home) -> Iterator[Check]:
    tables = str(home.path) if home.warehouse.startswith(SCHEME) else home.warehouse
    for name, folder in (("disk", tables), ("scratch", str(home.path / "scratch"))):
        free = shutil.disk_usage(folder).free
        said = f"{free / 1e9:.1f} GB free at {folder}"
        if free < ROOM // 10:
            yield Check(name, FAIL, said, "free some space, or move the home with `lake:`")
        elif free < ROOM:
            yield Check(name, WARN, said, "free some space")
        elif name == "disk":
            yield Check(name, OK, said)


def _warehouse(home: Home) -> Iterator[Check]:
    """How long it takes until a small file is safe, and whether it can be read and removed."""
    store, name = home.store, f".doctor-{new_id()}"
    path = store.absolute(f"{name}/{name}" if store.remote else name)
    started = time.perf_counter()
    with storage_errors(f"trying {store.root}", kept=""):
        try:
            store.files.write(path, b"\0" * 65_536)
            store.files.sync([path])
            passed = time.perf_counter() - started
            if store.remote:
                store.files.read(path)
                list(store.files.listing(store.absolute(name)))
        finally:
            store.files.remove([path])
    said = f"64 kB written and safe in {passed * 1000:.1f} ms at {store.root}"
    if passed > SLOW:
        nearer = "a store that is nearer" if store.remote else "a local disk"
        yield Check("warehouse", WARN, said, f"every step waits for this: use {nearer}")
    else:
        yield Check("warehouse", OK, said)


def _files(home: Home, project: str | None) -> Iterator[Check]:
    """Whether what the refs show is there, environments first; so many files are looked at."""
    if project is None:
        return
    versions, shown_by = _shown(home, project)
    warehouse, looked_at = home.store, set[str]()
    sizes = _sizes(warehouse, project)
    found: list[Damage] = []
    seen = 0
    for version in versions:
        if len(looked_at) >= MOST_FILES:
            break
        found += damage_of(warehouse, version, looked_at, sizes)
        seen += 1
    count = f"{len(looked_at):,} files of {seen:,} table versions looked at"
    rest = f"; {len(versions) - seen:,} further versions were not" if seen < len(versions) else ""
    moved = next(filter(None, (moved_from(warehouse, one) for one in versions[:seen])), None)
    if moved:
        hint = "move the home back there, or make the tables again: galley run --rebuild STEP"
        said = f"the home was moved or copied: the metadata of its tables leads to {moved}"
        yield Check("files", WARN, said, hint)
    if not found:
        yield Check("files", OK, f"{count}{rest}: all there")
        return
    text = f"{count}{rest}: {len(found):,} gone or damaged"
    yield Check("files", FAIL, text, "what hangs on a file that is gone was not looked at")
    for damage in found[:MOST_DAMAGES]:
        who = ", ".join(shown_by[damage.version.location][:3])
        yield Check("files", FAIL, f"{damage}; shown by {who}", remedy(damage))


def _sizes(warehouse: Warehouse, project: str) -> Size:
    """Bytes by path; of an object store from one listing rather than object by object."""
    if not warehouse.remote:
        return warehouse.files.size
    with storage_errors("listing the warehouse", kept=""):
        folder = warehouse.absolute(project)
        listed = {one.path: one.bytes for one in warehouse.files.listing(folder)}

    def size(path: str) -> int:
        if path not in listed:
            raise FileNotFoundError(path)
        return listed[path]

    return size


def _shown(home: Home, project: str) -> tuple[list[Version], dict[str, list[str]]]:
    """Each version that an environment, kitchen or tag shows, and who shows it by location."""
    versions: dict[str, Version] = {}
    shown_by: dict[str, list[str]] = {}
    trees_: dict[str, list[Version]] = {}
    with home.database.read() as connection:
        listed = refs.list_refs(connection, project)
        for ref in sorted(listed, key=lambda ref: refs.LASTING.index(ref.kind)):
            if ref.head not in trees_:
                trees_[ref.head] = list(trees.tree(connection, ref.head).values())
            for version in trees_[ref.head]:
                versions.setdefault(version.location, version)
                shown_by.setdefault(version.location, []).append(ref.name)
    return [one for one in versions.values() if one.location], shown_by


def _processes(home: Home) -> Iterator[Check]:
    with home.database.read() as connection:
        left = records.open_attempts(connection)
    with EngineLock(home.path) as lock:
        idle = lock.acquire()
    lost = [one for one in left if idle and _alive(one["pid"], one["pid_started"], one["boot_id"])]
    if lost:
        listed = ", ".join(str(one["pid"]) for one in lost)
        hint = "the next `galley run` ends them"
        yield Check("processes", WARN, f"left over from a lost engine: {listed}", hint)
    elif left and idle:
        hint = "the next `galley run` goes on with their runs"
        yield Check("processes", WARN, f"{len(left)} attempts of a lost engine are open", hint)
    else:
        yield Check("processes", OK, "none left over")


def _refs(home: Home, project: str | None) -> Iterator[Check]:
    if project is None:
        return
    with home.database.read() as connection:
        over = retention.plan_retention(connection, home, project, Retention())
    if over.refs:
        names = ", ".join(ref.name for ref in over.refs[:5])
        yield Check("refs", WARN, f"{len(over.refs)} expired: {names}", "galley gc")
    else:
        yield Check("refs", OK, "none expired")


def _alive(pid: int | None, started: int | None, boot: str | None) -> bool:
    if pid is None or started is None or boot not in (None, boot_id()):
        return False
    return processes.lives(pid, started)
